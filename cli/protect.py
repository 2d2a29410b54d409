"""The protect function, through which everything is changed: the command line writes no row and requests no standby."""

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
_AGAIN: Final = "Run the command again: repeating it is harmless."


@dataclass(frozen=True)
class Decision:
    """What protect answers about one WorkSpace, directory or switch; `action` is NONE, RECORD, LOOK or REQUEST."""

    subject: str
    action: str
    status: str | None
    reason_code: str
    message: str

    @property
    def is_recorded(self) -> bool:
        """Whether the ledger has it."""
        return not self.message.startswith("Not recorded:") and self.reason_code != Reason.ROW_UNREADABLE


class CallFailed(Problem):
    """One call failed, or what it did is not known; another one may succeed. Repeating it is harmless."""


@dataclass(frozen=True)
class Protect:
    """One pair's protect function."""

    aws: Aws
    pair: Pair

    def ask(
        self, mode: str, reason: str, *, dry_run: bool = False, done: list[Decision] | None = None, **request: Any
    ) -> list[Decision]:
        """Let protect do one thing, in the caller's name, and return its decisions.

        Parameters
        ----------
        mode
            `reconcile`, `accept`, `pause`, `resume`, `keep` or `terminate`.
        reason
            Why, for the ledger: the text of `--reason`.
        dry_run
            It decides and does nothing.
        done
            Gets the decisions as they come: of several calls, one that fails does not hide what the others did.
        **request
            What else the mode takes, e.g. `workspace_ids`; more than 1,000 ids are asked for in several calls.

        Raises
        ------
        Problem
            It refused, failed, or could not be invoked.
        """
        # What is not done is not recorded, and needs no name.
        cause = {"type": "command", "id": reason} if dry_run else self.cause(reason)
        asked = {"mode": mode, **request, "cause": cause, **({"dry_run": True} if dry_run else {})}
        done = [] if done is None else done
        ids: Sequence[str] | None = request.get("workspace_ids")
        parts = [{}] if ids is None else [{"workspace_ids": ids[at : at + MOST]} for at in range(0, len(ids), MOST)]
        for part in parts:
            done += self.decisions(self.invoke({**asked, **part}))
        return done

    def cause(self, reason: str) -> dict[str, str]:
        """What the ledger is to note of a change: why, and in whose name."""
        return {"type": "command", "id": reason, "principal": self.aws.caller}

    def invoke(self, payload: Any) -> Mapping[str, Any]:
        """Invoke it with a payload and return its answer; Problem if there is none."""
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
            words = f"{found.message} Whether it was done is not known."
            raise CallFailed(found.code, words, _AGAIN, found.status) from None
        except (OSError, ValueError) as problem:
            words = f"{name} gave no readable answer ({problem}). Whether it was done is not known."
            raise CallFailed("NoAnswer", words, _AGAIN, Status.REFUSED) from None
        body = body if isinstance(body, Mapping) else {}
        if answer.get("FunctionError"):
            words = f"{name} failed: {body.get('errorType', 'Error')}: {body.get('errorMessage', '')}"
            logs = f"aws logs filter-log-events --log-group-name /aws/lambda/{name} --region {region}"
            fix = f"Its logs say why: {logs} --filter-pattern ERROR"
            raise CallFailed("FunctionFailed", words, fix, Status.REFUSED)
        return body

    def decisions(self, body: Mapping[str, Any]) -> list[Decision]:
        """The decisions in an answer; Problem if it has none, or says what it refused."""
        if problem := body.get("problem"):
            words = f"{self.pair.protect_function} refused it: {str(problem).rstrip('.')}."
            raise Problem("Refused", words, "", Status.REFUSED)
        found = body.get("decisions")
        if not isinstance(found, list):
            words = f"{self.pair.protect_function} did not say what it decided."
            raise Problem("NoAnswer", words, "Deploy the version that this command is of.", Status.REFUSED)
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
