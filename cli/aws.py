"""AWS clients of one profile for the operator's commands; each error becomes a `Problem`."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cli.problems import Problem, Status
from standby.core.outcomes import Refusal

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")
# Reads are retried when they are throttled or lost. A call that must not be repeated uses `once`.
_PATIENT: Final = {"total_max_attempts": 5, "mode": "standard"}
_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}
_QUICK: Final = {"total_max_attempts": 2, "mode": "standard"}
# Seconds to wait for Regions that are called at the same time.
LONGEST = 4.0
# "User: arn:… is not authorized to perform: dynamodb:Query on resource: …"
_MISSING: Final = re.compile(r"not authorized to perform: ?(?P<action>[a-z0-9-]+:\w+)")
_POLICY_DENIES: Final = (
    ("service control policy", "A service control policy of the organisation denies it."),
    ("permissions boundary", "A permissions boundary denies it."),
    ("session policy", "The policy of the session denies it."),
    ("explicit deny", "A policy denies it explicitly."),
)


def take_items_as_they_are(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Let botocore hand on an answer of DynamoDB as the JSON that it is.

    Botocore walks through each attribute value and tries the eleven types that it can have. What comes out is the same,
    but for binary values, and it takes most of the time of whatever reads many items.
    """
    body = response_dict["body"]
    if response_dict["status_code"] < 300 and not (b'"B":' in body or b'"BS":' in body):
        try:
            customized_response_dict.update(json.loads(body))
        except ValueError:  # not JSON, or no object: botocore has its error for that
            return
        response_dict["body"] = b"{}"


@dataclass(frozen=True)
class Aws:
    """The clients of one profile, created when they are first used.

    Attributes
    ----------
    profile : str or None
        None for the default credentials of the environment.
    down : set of str
        Regions that did not answer; they are not called again.
    """

    profile: str | None = None
    down: set[str] = field(default_factory=set)
    _clients: dict[tuple[str, str, bool, float], Any] = field(default_factory=dict)
    _making: threading.RLock = field(default_factory=threading.RLock)

    def without(self, region: str) -> Aws:
        """The same clients, except that one Region is not called."""
        return dataclasses.replace(self, down={region})

    @functools.cached_property
    def session(self) -> Any:
        """The boto3 session; Problem if there is no such profile."""
        import boto3  # a quarter of a second, which --help need not wait for

        with asked("AWS cannot be called"):
            return boto3.Session(profile_name=self.profile)

    @property
    def region(self) -> str | None:
        """The Region of the environment or the profile."""
        found: str | None = self.session.region_name
        return found

    def client(
        self, service: str, region: str, *, once: bool = False, quick: bool = False, read_timeout: float = 60
    ) -> Any:
        """A boto3 client; `AWS_ENDPOINT_URL` and similar variables apply.

        Parameters
        ----------
        once
            No call is retried, not even a throttled one.
        quick
            A call gives up within about 8 seconds, so that another Region can be called instead.
        read_timeout
            Seconds.
        """
        from botocore.config import Config

        key = (service, region, once, 3.0 if quick else read_timeout)
        with self._making:  # a session creates one client at a time; clients can be used by several threads
            if key not in self._clients:
                retries: Any = _ONCE if once else _QUICK if quick else _PATIENT
                config = Config(
                    connect_timeout=2 if quick else 10,
                    read_timeout=3 if quick else read_timeout,
                    retries=retries,
                    user_agent_extra="workspaces-standby-cli",
                )
                with asked(f"{service} in {region} cannot be called"):
                    client = self.session.client(service, region_name=region, config=config)
                    if service == "dynamodb":
                        client.meta.events.register("before-parse.dynamodb", take_items_as_they_are)
                    self._clients[key] = client
            return self._clients[key]

    @functools.cached_property
    def caller(self) -> str:
        """The ARN of the identity that these credentials belong to."""
        with asked("The identity of these credentials cannot be determined"):
            return str(self.client("sts", self.region or "us-east-1").get_caller_identity()["Arn"])

    def account_in(self, region: str) -> str:
        """The account of these credentials, as one Region reports it."""
        with asked(f"The account of these credentials cannot be determined in {region}"):
            return str(self.client("sts", region).get_caller_identity()["Account"])


def side_by_side(aws: Aws, questions: Mapping[str, tuple[str, Callable[[], T]]]) -> dict[str, T]:
    """Ask several Regions at the same time; returns the answers by the names of the questions.

    A Region that has not answered after `LONGEST` seconds has no answer here and counts as down, even if it hangs in
    name resolution. A Problem that one of them raises is raised.
    """
    if len(questions) == 1:  # no other question waits
        return {name: ask() for name, (_, ask) in questions.items()}
    answers: dict[str, T] = {}
    problems: list[Exception] = []

    def work(name: str, ask: Callable[[], T]) -> None:
        try:
            answers[name] = ask()
        except Exception as problem:  # it is raised below, in the caller's thread
            problems.append(problem)

    threads = {
        name: threading.Thread(target=work, args=(name, ask), daemon=True) for name, (_, ask) in questions.items()
    }
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + LONGEST
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    if problems:
        raise problems[0]
    found = dict(answers)
    aws.down.update(region for name, (region, _) in questions.items() if name not in found)
    return found


@contextmanager
def asked(what: str, policy: str = "") -> Iterator[None]:
    """Turn an error of AWS or botocore into a Problem whose message begins with `what`.

    `policy` is the name of the policy that grants the permission.

    Raises
    ------
    Problem
        with status REFUSED.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError) as problem:
        raise problem_of(what, problem, policy) from problem


def problem_of(what: str, problem: ClientError | BotoCoreError, policy: str = "") -> Problem:
    """The Problem for a call that failed; `policy` is the policy that grants the permission, e.g. `x-reader`."""
    code, words, fix = explained(problem, policy)
    return Problem(code, f"{what}: {words}", fix, Status.REFUSED)


def unseen(what: str, problem: ClientError | BotoCoreError, policy: str = "") -> Problem:
    """The Problem for something that could not be read; a Region that does not answer is INCOMPLETE, not REFUSED."""
    found = problem_of(what, problem, policy)
    if is_of(Refusal.THROTTLED, problem) or is_no_answer(problem):
        found.status = Status.INCOMPLETE
    return found


def sentence(problem: ClientError | BotoCoreError) -> str:
    """What went wrong, and what to do."""
    _, words, fix = explained(problem)
    return f"{words} {fix}".rstrip()


def explained(problem: ClientError | BotoCoreError, policy: str = "") -> tuple[str, str, str]:
    """A code for programs, what went wrong, and what to do."""
    from botocore import exceptions
    from botocore.exceptions import ClientError

    if isinstance(problem, exceptions.ProfileNotFound):
        return "NoProfile", _ended(str(problem)), "Set AWS_PROFILE or --profile to a profile in ~/.aws/config."
    no_credentials = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    )
    if isinstance(problem, no_credentials):
        return "NoCredentials", f"There are no usable AWS credentials ({problem}).", "Sign in, or set AWS_PROFILE."
    if not isinstance(problem, ClientError):
        fix = "Check the network, and AWS_ENDPOINT_URL if it is set. Then try again."
        return type(problem).__name__, _ended(str(problem)), fix
    return _refusal(problem, policy)


def _refusal(problem: ClientError, policy: str) -> tuple[str, str, str]:
    from standby.aws.call import error_of, kind_of

    code, message = error_of(problem)
    match kind_of(code, message):
        case Refusal.DENIED:
            return code, f"Access denied ({code}: {message}).", _allowed_by(message, policy)
        case Refusal.UNREACHABLE:
            return code, f"AWS does not accept these credentials ({code}: {message}).", "Sign in again."
        case Refusal.THROTTLED:
            return code, f"AWS throttled the request ({code}).", "Try again in a minute."
        case _:
            return code, _ended(f"{code}: {message}"), ""


def _allowed_by(message: str, policy: str) -> str:
    """What grants the permission that a refusal names."""
    for words, sentence_ in _POLICY_DENIES:
        if words in message:
            return f"{sentence_} Ask its administrator."
    missing = _MISSING.search(message)
    grants_it = f"The policy {policy} grants it." if policy else "Use a role that has it."
    return f"{missing['action'] if missing else 'The permission'} is missing. {grants_it}"


def is_of(kind: Refusal, problem: ClientError | BotoCoreError) -> bool:
    """Whether AWS refused a call for this kind of reason."""
    from botocore.exceptions import ClientError

    from standby.aws.call import error_of, kind_of

    return isinstance(problem, ClientError) and kind_of(*error_of(problem)) is kind


def is_no_answer(problem: ClientError | BotoCoreError) -> bool:
    """Whether a Region gave no usable answer: it cannot be reached, or its service fails."""
    from botocore import exceptions
    from botocore.exceptions import ClientError

    if isinstance(problem, ClientError):
        return is_of(Refusal.INTERNAL, problem) or _status(problem) >= 500
    return isinstance(problem, exceptions.HTTPClientError | exceptions.ConnectionError)


def _status(problem: ClientError) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
