"""Invoke the protect function, which makes every change: the commands write no rows and request no standbys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.aws import is_of, problem_of
from cli.problems import Problem, Status
from standby.core.outcomes import Refusal
from standby.core.reasons import Reason

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.pairs import Pair

MOST: Final = 1000  # ids a call
_SECONDS: Final = 320  # longer than the function's time-out of five minutes
_AGAIN: Final = "You can safely run the command again."


@dataclass(frozen=True)
class Decision:
    """The decision of protect about one WorkSpace, directory or switch; `action` is NONE, RECORD, LOOK or REQUEST."""

    subject: str
    action: str
    status: str | None
    reason_code: str
    message: str

    @property
    def is_recorded(self) -> bool:
        """Whether the decision is in the ledger."""
        return not self.message.startswith("Not recorded:") and self.reason_code != Reason.ROW_UNREADABLE


class CallFailed(Problem):
    """A call failed, or its effect is not known. It can safely be repeated, and may then succeed."""


@dataclass(frozen=True)
class Protect:
    """One pair's protect function."""

    aws: Aws
    pair: Pair

    def ask(
        self, mode: str, reason: str, *, dry_run: bool = False, done: list[Decision] | None = None, **request: Any
    ) -> list[Decision]:
        """Invoke protect in one mode, in the caller's name, and return its decisions.

        Parameters
        ----------
        mode
            `reconcile`, `accept`, `pause`, `resume`, `keep` or `terminate`.
        reason
            The reason for the ledger: the text of `--reason`.
        dry_run
            Decide only, and change nothing.
        done
            Receives the decisions of each call, so that they are known if a later call fails.
        **request
            Further parameters of the mode, e.g. `workspace_ids`; more than 1,000 ids are sent in several calls.

        Raises
        ------
        Problem
            protect refused or failed, or could not be invoked.
        """
        # A dry run is not recorded, so the caller's name is not needed.
        cause = {"type": "command", "id": reason} if dry_run else self.cause(reason)
        asked = {"mode": mode, **request, "cause": cause, **({"dry_run": True} if dry_run else {})}
        done = [] if done is None else done
        ids: Sequence[str] | None = request.get("workspace_ids")
        parts = [{}] if ids is None else [{"workspace_ids": ids[at : at + MOST]} for at in range(0, len(ids), MOST)]
        for part in parts:
            done += self.decisions(self.invoke({**asked, **part}))
        return done

    def cause(self, reason: str) -> dict[str, str]:
        """The cause that the ledger records for a change: the reason, and the caller."""
        return {"type": "command", "id": reason, "principal": self.aws.caller}

    def invoke(self, payload: Any) -> Mapping[str, Any]:
        """Invoke protect with a payload and return its answer; Problem if there is none."""
        from botocore.exceptions import BotoCoreError, ClientError

        from standby.aws.call import NEVER_SENT

        name, region = self.pair.protect_function, self.pair.region
        client = self.aws.client("lambda", region, once=True, read_timeout=_SECONDS)
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(payload))
            body = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError) as problem:
            found = problem_of(f"{name} in {region} cannot be invoked", problem, self.pair.operator_policy)
            if isinstance(problem, ClientError):
                may_succeed = is_of(Refusal.THROTTLED, problem)
                raise CallFailed(found.code, found.message, found.fix, found.status) if may_succeed else found from None
            if isinstance(problem, NEVER_SENT):
                raise CallFailed(found.code, found.message, f"Nothing was done. {found.fix}", found.status) from None
            words = f"{found.message} It is not known whether the change was made."
            raise CallFailed(found.code, words, _AGAIN, found.status) from None
        except (OSError, ValueError) as problem:
            words = f"{name} gave no readable answer ({problem}). It is not known whether the change was made."
            raise CallFailed("NoAnswer", words, _AGAIN, Status.REFUSED) from None
        body = body if isinstance(body, Mapping) else {}
        if answer.get("FunctionError"):
            words = f"{name} failed: {body.get('errorType', 'Error')}: {body.get('errorMessage', '')}"
            logs = f"aws logs filter-log-events --log-group-name /aws/lambda/{name} --region {region}"
            fix = f"See its logs: {logs} --filter-pattern ERROR"
            raise CallFailed("FunctionFailed", words, fix, Status.REFUSED)
        return body

    def decisions(self, body: Mapping[str, Any]) -> list[Decision]:
        """The decisions in an answer; Problem if the answer has none, or is a refusal."""
        if problem := body.get("problem"):
            words = f"{self.pair.protect_function} refused the request: {str(problem).rstrip('.')}."
            raise Problem("Refused", words, "", Status.REFUSED)
        found = body.get("decisions")
        if not isinstance(found, list):
            words = f"The answer of {self.pair.protect_function} has no decisions."
            raise Problem("NoAnswer", words, "Deploy the version of this command.", Status.REFUSED)
        return [
            Decision(
                str(one.get("primary_id")),
                str(one.get("action")),
                one.get("status"),
                str(one.get("reason_code")),
                str(one.get("message")),
            )
            for one in found
            if isinstance(one, Mapping)
        ]
