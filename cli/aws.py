"""AWS as the operator's commands meet it: clients of one profile, and what goes wrong as a `Problem`."""

from __future__ import annotations

import dataclasses
import functools
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
# Reading is repeated when it is throttled or lost on the way; what must not be is asked with `once`.
_PATIENT: Final = {"total_max_attempts": 5, "mode": "standard"}
_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}
_QUICK: Final = {"total_max_attempts": 2, "mode": "standard"}
# Seconds for which Regions that are asked side by side are waited for.
LONGEST = 4.0
# "User: arn:… is not authorized to perform: dynamodb:Query on resource: …"
_MISSING: Final = re.compile(r"not authorized to perform: ?(?P<action>[a-z0-9-]+:\w+)")
_POLICY_DENIES: Final = (
    ("service control policy", "A service control policy of the organisation denies it."),
    ("permissions boundary", "A permissions boundary denies it."),
    ("session policy", "The policy of the session denies it."),
    ("explicit deny", "A policy denies it explicitly."),
)


@dataclass(frozen=True)
class Aws:
    """One profile's clients, made when they are first used.

    Attributes
    ----------
    profile : str or None
        None: the ambient credentials.
    down : set of str
        Regions that did not answer: they are not asked again.
    """

    profile: str | None = None
    down: set[str] = field(default_factory=set)
    _clients: dict[tuple[str, str, bool, float], Any] = field(default_factory=dict)
    _making: threading.RLock = field(default_factory=threading.RLock)

    def without(self, region: str) -> Aws:
        """The same clients, but for a Region that is not asked."""
        return dataclasses.replace(self, down={region})

    @functools.cached_property
    def session(self) -> Any:
        """The boto3 session; Problem if there is no such profile."""
        import boto3  # a quarter of a second, which --help need not wait for

        with asked("AWS cannot be asked"):
            return boto3.Session(profile_name=self.profile)

    @property
    def region(self) -> str | None:
        """The Region of the environment or the profile."""
        found: str | None = self.session.region_name
        return found

    def client(
        self, service: str, region: str, *, once: bool = False, quick: bool = False, read_timeout: float = 60
    ) -> Any:
        """A boto3 client (`AWS_ENDPOINT_URL` and the like hold).

        Parameters
        ----------
        once
            Nothing is repeated, not even what was throttled.
        quick
            It gives up within some 8 seconds, so that another Region can be asked instead.
        read_timeout
            Seconds.
        """
        from botocore.config import Config

        key = (service, region, once, 3.0 if quick else read_timeout)
        with self._making:  # a session makes one client at a time; asking is for several threads at once
            if key not in self._clients:
                retries: Any = _ONCE if once else _QUICK if quick else _PATIENT
                config = Config(
                    connect_timeout=2 if quick else 10,
                    read_timeout=3 if quick else read_timeout,
                    retries=retries,
                    user_agent_extra="workspaces-standby-cli",
                )
                with asked(f"{service} in {region} cannot be asked"):
                    self._clients[key] = self.session.client(service, region_name=region, config=config)
            return self._clients[key]

    @functools.cached_property
    def caller(self) -> str:
        """The ARN of whose credentials these are."""
        with asked("It cannot be found out whose credentials these are"):
            return str(self.client("sts", self.region or "us-east-1").get_caller_identity()["Arn"])

    def account_in(self, region: str) -> str:
        """The account of these credentials, asked of one Region."""
        with asked(f"It cannot be found out in {region} whose credentials these are"):
            return str(self.client("sts", region).get_caller_identity()["Account"])


def side_by_side(aws: Aws, questions: Mapping[str, tuple[str, Callable[[], T]]]) -> dict[str, T]:
    """The answers to several questions by their names, asked at once; each is asked of a Region.

    A Region that has not answered after some seconds has no answer here, and counts as down: what hangs, even in
    resolving a name, holds nobody up. A Problem that one of them raises is raised.
    """
    if len(questions) == 1:  # there is nobody to be held up
        return {name: ask() for name, (_, ask) in questions.items()}
    answers: dict[str, T] = {}
    problems: list[Exception] = []

    def work(name: str, ask: Callable[[], T]) -> None:
        try:
            answers[name] = ask()
        except Exception as problem:  # it is raised below, where somebody can catch it
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
    """Turn what AWS or botocore raises within into a Problem that begins with `what` could not be done.

    `policy` is the one that has the permission.

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
    """The Problem that something could not be done; `policy` is the one that has the permission, e.g. `x-reader`."""
    code, words, fix = explained(problem, policy)
    return Problem(code, f"{what}: {words}", fix, Status.REFUSED)


def unseen(what: str, problem: ClientError | BotoCoreError, policy: str = "") -> Problem:
    """The Problem that something could not be read; a Region that does not answer now is no refusal."""
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
        return "NoProfile", _ended(str(problem)), "Set AWS_PROFILE, or --profile, to one that ~/.aws/config has."
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
            return code, f"These credentials do not allow it ({code}: {message}).", _allowed_by(message, policy)
        case Refusal.UNREACHABLE:
            return code, f"AWS does not accept these credentials ({code}: {message}).", "Sign in again."
        case Refusal.THROTTLED:
            return code, f"AWS receives too many requests at the moment ({code}).", "Try again in a minute."
        case _:
            return code, _ended(f"{code}: {message}"), ""


def _allowed_by(message: str, policy: str) -> str:
    """What gives the permission that a refusal names."""
    for words, sentence_ in _POLICY_DENIES:
        if words in message:
            return f"{sentence_} Ask who manages it."
    missing = _MISSING.search(message)
    has_it = f"The policy {policy} has it." if policy else "Use a role that has it."
    return f"{missing['action'] if missing else 'The permission'} is missing. {has_it}"


def is_of(kind: Refusal, problem: ClientError | BotoCoreError) -> bool:
    """Whether AWS refused something for a kind of reason."""
    from botocore.exceptions import ClientError

    from standby.aws.call import error_of, kind_of

    return isinstance(problem, ClientError) and kind_of(*error_of(problem)) is kind


def is_no_answer(problem: ClientError | BotoCoreError) -> bool:
    """Whether a Region gave no answer of use: it cannot be reached, or its service fails."""
    from botocore import exceptions
    from botocore.exceptions import ClientError

    if isinstance(problem, ClientError):
        return is_of(Refusal.INTERNAL, problem) or _status(problem) >= 500
    return isinstance(problem, exceptions.HTTPClientError | exceptions.ConnectionError)


def _status(problem: ClientError) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
