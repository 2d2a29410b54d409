"""The protect function, through which everything is changed: the command line writes no row and requests no standby."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.aws import problem_of
from cli.problems import Problem, Status
from standby.core.reasons import Reason

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.pairs import Pair

MOST: Final = 1000  # ids a call
_SECONDS: Final = 320  # longer than the function's time-out of five minutes


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


@dataclass(frozen=True)
class Protect:
    """One pair's protect function."""

    aws: Aws
    pair: Pair

    def ask(self, mode: str, reason: str, *, dry_run: bool = False, **request: Any) -> list[Decision]:
        """Let protect do one thing, in the caller's name, and return its decisions.

        Parameters
        ----------
        mode
            `reconcile`, `accept`, `pause`, `resume`, `keep` or `terminate`.
        reason
            Why, for the ledger: the text of `--reason`.
        dry_run
            It decides and does nothing.
        **request
            What else the mode takes, e.g. `workspace_ids`; more than 1,000 ids are asked for in several calls.

        Raises
        ------
        Problem
            It refused, failed, or could not be invoked.
        """
        cause = {"type": "command", "id": reason, "principal": self.aws.caller}
        asked = {"mode": mode, **request, "cause": cause, **({"dry_run": True} if dry_run else {})}
        ids = request.get("workspace_ids")
        if ids is None:
            return self._decisions(self.invoke(asked))
        parts: Sequence[Sequence[str]] = [ids[start : start + MOST] for start in range(0, len(ids), MOST)]
        return [one for part in parts for one in self._decisions(self.invoke({**asked, "workspace_ids": part}))]

    def invoke(self, payload: Any) -> Mapping[str, Any]:
        """Invoke it with a payload and return its answer; Problem if there is none."""
        from botocore.exceptions import BotoCoreError, ClientError

        name, region = self.pair.protect_function, self.pair.region
        client = self.aws.client("lambda", region, once=True, read_timeout=_SECONDS)
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(payload))
            body = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError) as problem:
            found = problem_of(f"{name} in {region} cannot be invoked", problem)
            if not isinstance(problem, ClientError):
                found.fix = "Whether it was done is not known. Run the command again: repeating it is harmless."
            raise found from None
        except (OSError, ValueError) as problem:
            words = f"{name} gave no readable answer ({problem}). Whether it was done is not known."
            raise Problem(
                "NoAnswer", words, "Run the command again: repeating it is harmless.", Status.REFUSED
            ) from None
        body = body if isinstance(body, Mapping) else {}
        if answer.get("FunctionError"):
            words = f"{name} failed: {body.get('errorType', 'Error')}: {body.get('errorMessage', '')}"
            fix = f"See its logs: aws logs tail /aws/lambda/{name} --region {region}"
            raise Problem("FunctionFailed", words, fix, Status.REFUSED)
        return body

    def _decisions(self, body: Mapping[str, Any]) -> list[Decision]:
        if problem := body.get("problem"):
            raise Problem("Refused", f"{self.pair.protect_function} refused it: {problem}.", "", Status.REFUSED)
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
