"""AWS as the operator's commands meet it: clients of the ambient profile, and what goes wrong in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from standby.aws.call import error_of, kind_of
from standby.core.outcomes import Refusal

# Reading is repeated when it is throttled or lost on the way; what must not be is asked with `once`.
_PATIENT: Final = {"total_max_attempts": 5, "mode": "standard"}
_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}

_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, SSOError, TokenRetrievalError)
Problem = ClientError | BotoCoreError


class AwsRefused(Exception):
    """AWS did not do what a command needs; the message is for a person and says what to do."""


def client(service: str, region: str, *, once: bool = False, read_timeout: float = 60) -> Any:
    """A boto3 client of the ambient credentials and endpoints (`AWS_PROFILE`, `AWS_ENDPOINT_URL`, …).

    Parameters
    ----------
    once
        Nothing is repeated, not even what was throttled.
    read_timeout
        Seconds.

    Raises
    ------
    AwsRefused
        There is no such profile.
    """
    config = Config(connect_timeout=10, read_timeout=read_timeout, retries=_ONCE if once else _PATIENT)  # type: ignore[arg-type]
    with told(f"{service} in {region} cannot be asked"):
        return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what AWS or botocore raises within into a sentence that begins with `what` could not be done.

    Raises
    ------
    AwsRefused
        with that sentence.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as problem:
        raise AwsRefused(f"{what}: {sentence(problem)}") from problem


def sentence(problem: Problem) -> str:
    """What went wrong, and what to do."""
    if isinstance(problem, ProfileNotFound):
        return f"{_ended(str(problem))} Set AWS_PROFILE to one that ~/.aws/config has."
    if isinstance(problem, _NO_CREDENTIALS):
        return f"there are no usable AWS credentials ({problem}). Sign in, or set AWS_PROFILE."
    if not isinstance(problem, ClientError):
        return f"{_ended(str(problem))} Look at the network (and at AWS_ENDPOINT_URL, if it is set), and try again."
    code, message = error_of(problem)
    match kind_of(code, message):
        case Refusal.DENIED:
            return f"it is not allowed with these credentials ({code}: {message}). Use a role that may."
        case Refusal.UNREACHABLE:
            return f"AWS does not accept these credentials ({code}: {message}). Sign in again."
        case Refusal.THROTTLED:
            return f"AWS is asked too often just now ({code}). Try again in a minute."
        case _:
            return _ended(f"{code}: {message}")


def is_of(kind: Refusal, problem: Problem) -> bool:
    """Whether AWS refused something for a kind of reason."""
    return isinstance(problem, ClientError) and kind_of(*error_of(problem)) is kind


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
