"""What each check of `make ask-aws` finds, and that none of them can write or crash."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError

from cli.aws import Aws
from cli.problems import Problem
from infra.config import Configuration
from standby.clock import Clock
from standby.core.model import WorkspaceId
from tests.cli.test_letters import event
from tests.component import estate
from tests.component.wire import NOON
from tests.local.worlds import client_of, create_ready, make_world
from tools.ask_aws import CHECKS, __main__, writing
from tools.ask_aws.__main__ import main
from tools.ask_aws.checks import Finding, Verdict
from tools.ask_aws.place import Account, NotReadingError, Place

P, DR, ACCOUNT = "us-east-1", "us-west-2", "123456789012"
HOME, AWAY = "d-906732325d", "d-926722edaf"
KEY = f"arn:aws:kms:{DR}:{ACCOUNT}:key/1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
ROOT = Path(__file__).resolve().parents[2]

Capsys = pytest.CaptureFixture[str]
Key = tuple[str, str, str]
Answer = Any
Answers = dict[Key, Answer]


def configuration(**changes: Any) -> Configuration:
    mapping = {"dr_directory": AWAY, "volume_encryption_key": KEY} | changes
    return Configuration.model_validate(
        {"pairs": [{"primary_region": P, "dr_region": DR, "account": ACCOUNT, "directories": {HOME: mapping}}]}
    )


PAIR = configuration().pairs[0]


def refusal(code: str, message: str = "", status: int = 400) -> Exception:
    return estate.refusal(code, message=message, status=status)


# -- what is asked: service, Region and operation


def both(service: str, operation: str) -> tuple[Key, Key]:
    return (service, P, operation), (service, DR, operation)


DESKTOPS, DR_DESKTOPS = both("workspaces", "describe_workspaces")
HISTORY, DR_HISTORY = both("cloudtrail", "lookup_events")
CONNECTIONS = ("workspaces", DR, "describe_workspaces_connection_status")

# -- what is answered


def desktop(workspace_id: str, user: str, directory: str = HOME, **shown: Any) -> dict[str, Any]:
    return {"WorkspaceId": workspace_id, "DirectoryId": directory, "UserName": user, "State": "AVAILABLE", **shown}


def related(kind: str, workspace_id: str, region: str, state: str = "AVAILABLE") -> dict[str, Any]:
    return {"WorkspaceId": workspace_id, "Type": kind, "State": state, "Region": region}


PRIMARY = desktop(
    "ws-primary01",
    "alice",
    RelatedWorkspaces=[related("STANDBY", "ws-standby01", DR)],
    StandbyWorkspacesProperties=[{"StandbyWorkspaceId": "ws-standby01", "DataReplication": "NO_REPLICATION"}],
)
ALONE = desktop("ws-primary01", "alice")
TWO = ALONE | {"RelatedWorkspaces": [related("STANDBY", f"ws-standby0{number}", DR) for number in (1, 2)]}
STANDBY = desktop("ws-standby01", "alice", AWAY, RelatedWorkspaces=[related("PRIMARY", "ws-primary01", P)])


def pages(*shown: dict[str, Any]) -> Callable[..., Any]:
    """DescribeWorkspaces of one Region, by directory, user (whatever the case) or ids, one a page."""

    def answer(**asked: Any) -> Any:
        found = [one for one in shown if one["DirectoryId"] == asked.get("DirectoryId", one["DirectoryId"])]
        found = [one for one in found if one["WorkspaceId"] in asked.get("WorkspaceIds", [one["WorkspaceId"]])]
        found = [one for one in found if one["UserName"].lower() == asked.get("UserName", one["UserName"]).lower()]
        start = int(asked.get("NextToken", 0))
        following = {"NextToken": str(start + 1)} if start + 1 < len(found) else {}
        return {"Workspaces": found[start : start + 1], **following}

    return answer


def primaries(*shown: dict[str, Any]) -> Answers:
    return {DESKTOPS: pages(*shown)}


def standbys(*shown: dict[str, Any]) -> Answers:
    return {DR_DESKTOPS: pages(*shown)}


def history(region: str, **by_name: list[dict[str, Any]]) -> Answers:
    """LookupEvents of one Region: the records of calls, by the operation's name."""

    def answer(**asked: Any) -> Any:
        (wanted,) = asked["LookupAttributes"]
        assert wanted["AttributeKey"] == "EventName"
        return {"Events": [{"CloudTrailEvent": json.dumps(one)} for one in by_name.get(wanted["AttributeValue"], [])]}

    return {("cloudtrail", region, "lookup_events"): answer}


def requests(*failed: tuple[str, str], **record: Any) -> Answers:
    """The history of a CreateStandbyWorkspaces, some items of which failed."""
    refused = [{"errorCode": code, "errorMessage": message} for code, message in failed]
    made = [{"workspaceId": "ws-standby01", "userName": "alice"}]
    answer = {"failedStandbyRequests": refused, "pendingStandbyRequests": made}
    return history(DR, CreateStandbyWorkspaces=[{"responseElements": answer, **record}])


def terminated(workspace_id: str, **record: Any) -> Answers:
    asked = {"terminateWorkspaceRequests": [{"workspaceId": workspace_id}]}
    who = {"userIdentity": {"arn": BOB}}
    return history(P, TerminateWorkspaces=[{"requestParameters": asked, **who, **record}])


def renewed(parameters: dict[str, Any], **record: Any) -> dict[str, Any]:
    """The record of a rebuild, a restore or a migration."""
    return {"requestParameters": parameters, "eventTime": "2026-03-03T09:26:54Z", **record}


def unreadable(name: str) -> Answers:
    """The history of a call whose answer names nothing that is known."""
    return history(P, **{name: [{"eventName": name, "eventID": "e1", "responseElements": {"newId": "ws-1"}}]})


def rebuilt(workspace_id: str, **record: Any) -> dict[str, Any]:
    return renewed({"rebuildWorkspaceRequests": [{"workspaceId": workspace_id}]}, **record)


def statuses(*shown: dict[str, Any]) -> Answers:
    return {CONNECTIONS: {"WorkspacesConnectionStatus": list(shown)}}


HEALTHY: Answers = {
    **primaries(PRIMARY),
    **standbys(STANDBY),
    **history(
        P,
        CreateWorkspaces=[event("create_workspaces_one")["detail"], event("create_workspaces_refused")["detail"]],
        MigrateWorkspace=[event("migrate_workspace")["detail"]],
    ),
    **requests(("ResourceNotFound.User", "no such user")),
    **statuses({"WorkspaceId": "ws-standby01", "ConnectionState": "UNKNOWN"}),
}


class NoWaiting(Clock):
    """A clock whose waits take no time, and are counted."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOON

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class FakeAccount(Account):
    """Answers what it was given: a dict, a function of the parameters, or an error to raise."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(ACCOUNT, NoWaiting())
        self.answers = answers
        self.asked: list[Key] = []
        self._client: Any = lambda service, region: FakeClient(self, service, region)


class FakeClient:
    """A client of the fake account."""

    def __init__(self, account: FakeAccount, service: str, region: str) -> None:
        self._account, self._service, self._region = account, service, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            key = (self._service, self._region, operation)
            self._account.asked.append(key)
            answer = self._account.answers[key]
            if isinstance(answer, Exception):
                raise answer
            return answer(**parameters) if callable(answer) else copy.deepcopy(answer)

        return call


def find(check: str, answers: Answers | None = None, pair: Any = PAIR) -> tuple[Verdict, str]:
    """What a check finds in the healthy account, changed by `answers`."""
    assert set(answers or {}) <= set(HEALTHY)
    place = Place(pair, FakeAccount({**HEALTHY, **(answers or {})}))
    (wanted,) = [one for one in CHECKS if one.id == check]
    finding = wanted.find(place)
    return finding.verdict, " ".join([finding.text, finding.advice, *finding.commands])


GOOD, BAD, UNSURE = Verdict.AS_ASSUMED, Verdict.DIFFERS, Verdict.UNKNOWN


IN_HEALTH = [
    ("relations", GOOD, "1 standby, all shown from both sides; 1 primary with"),
    ("states", GOOD, "us-east-1: 1 AVAILABLE; us-west-2: 1 AVAILABLE"),
    ("user-filter", GOOD, "ignores case: asked for ALICE"),
    ("user-names", GOOD, "1 standby of the same users, 0 in another case"),
    ("second-standby", UNSURE, "--write"),
    ("create-events", GOOD, "2 records with 1 new desktop"),
    ("migrate-events", GOOD, "1 record with 1 new desktop"),
    ("refusal-codes", GOOD, "1 ResourceNotFound.User (taken for USER_MISSING)"),
    ("accepted-states", UNSURE, "STOPPED"),
    ("terminations", UNSURE, "No standby was terminated"),
    ("renewals", UNSURE, "Rebuild a primary with a standby"),
    ("orphans", UNSURE, "Terminate a primary"),
    ("orphan-data", UNSURE, "There is no standby whose primary no longer exists"),
    ("connection-status", GOOD, "It returns 1 standby, 1 of which nobody has used"),
]


def test_the_healthy_account_answers_every_check() -> None:
    assert [check for check, _, _ in IN_HEALTH] == [one.id for one in CHECKS]


COPIED = {"DataReplicationSettings": {"DataReplication": "PRIMARY_AS_SOURCE"}}


def respects_case(**asked: Any) -> Any:
    return {"Workspaces": []} if "UserName" in asked else pages(STANDBY)(**asked)


DIFFERENT: list[tuple[str, Answers, str]] = [
    ("relations", standbys(desktop("ws-standby01", "alice", AWAY)), "which does not show it"),
    ("relations", primaries(ALONE), "ws-standby01 shows primary ws-primary01"),
    (
        "relations",
        primaries(ALONE | {"RelatedWorkspaces": [related("REPLICA", "ws-standby01", DR)]}),
        "Type REPLICA",
    ),
    ("states", primaries(PRIMARY | {"State": "HIBERNATED"}), "Not known: HIBERNATED"),
    ("user-names", standbys(STANDBY | {"UserName": "CORP.alice"}), "is of CORP.alice, its primary of alice"),
    ("second-standby", primaries(TWO), "ws-primary01 has ws-standby01 and ws-standby02"),
    ("connection-status", statuses(), "It does not return 1 of 1 standby: ws-standby01."),
    ("create-events", unreadable("CreateWorkspaces"), "e1: CreateWorkspaces names no WorkSpace that was created (0 of"),
    ("migrate-events", unreadable("MigrateWorkspace"), "responseElements has newId"),
    ("refusal-codes", requests(("Weird.Code", "for a reason")), "Not recognised: Weird.Code: for a reason"),
]
NOBODY, NO_STANDBYS = primaries() | standbys(), standbys()
LEFT = desktop("ws-standby09", "x", AWAY, DataReplicationSettings={"DataReplication": "NO"})
GOING = related("STANDBY", "ws-standby01", DR, "TERMINATING")
REPLACED = ALONE | {"RelatedWorkspaces": [GOING, related("STANDBY", "ws-standby02", DR)]}
THROTTLED = requests(errorCode="ThrottlingException", responseElements=None)
ORPHAN = STANDBY | {"DataReplicationSettings": {"DataReplication": "NO_REPLICATION"}}
REPLICATED = {"data_replication": "PRIMARY_AS_SOURCE"}
USED = {"WorkspaceId": "ws-standby01", "LastKnownUserConnectionTimestamp": datetime(2026, 3, 1, tzinfo=UTC)}
WHEN, SHOWN = "at 2026-03-03T09:26:54Z, and", "its standby ws-standby01 is AVAILABLE."
REBUILT, RESTORED = rebuilt("ws-primary01"), renewed({"workspaceId": "ws-primary01"})
OTHERS_REBUILT = [rebuilt("ws-primary01", errorCode="X"), rebuilt("ws-primary09")]
MIGRATED = {
    **history(P, MigrateWorkspace=[renewed({"sourceWorkspaceId": "ws-primary09", "bundleId": "wsb-1"})]),
    **requests(requestParameters={"standbyWorkspaces": [{"primaryWorkspaceId": "ws-primary09"}]}),
}


OTHERS: list[tuple[str, Answers, Verdict, str]] = [
    ("relations", NOBODY, UNSURE, "no standby"),
    ("states", NOBODY, UNSURE, "no WorkSpace"),
    ("user-filter", NOBODY, UNSURE, "no desktop"),
    ("user-filter", {DR_DESKTOPS: respects_case}, GOOD, "It respects case"),
    ("user-names", NO_STANDBYS, UNSURE, "no standby"),
    ("user-names", standbys(STANDBY | {"UserName": "ALICE"}), GOOD, "1 in another case"),
    ("orphans", primaries(), GOOD, "ws-standby01 still names its primary"),
    ("orphans", standbys(LEFT), GOOD, "--region us-west-2 --terminate-workspace-requests ws-standby09"),
    ("orphan-data", primaries(), UNSURE, "none of which is replicated"),
    ("orphan-data", primaries() | standbys(STANDBY | COPIED), GOOD, "ws-standby01 shows PRIMARY_AS_SOURCE."),
    ("connection-status", NO_STANDBYS, UNSURE, "no standby"),
    ("connection-status", statuses(USED), UNSURE, "all of which were used"),
    ("create-events", history(P), UNSURE, "no CreateWorkspaces in 90 days"),
    ("migrate-events", history(P), UNSURE, "no MigrateWorkspace in 90 days"),
    ("refusal-codes", history(DR), UNSURE, "no CreateStandbyWorkspaces"),
    ("refusal-codes", THROTTLED, GOOD, "1 ThrottlingException (taken for THROTTLED)"),
    ("second-standby", requests(("ResourceExists.X", "has one")), GOOD, "ResourceExists.X: has one"),
    ("second-standby", primaries(REPLACED), UNSURE, "--write"),
    ("accepted-states", requests(("InvalidState", "STOPPED")), GOOD, "1 refusal about a state: InvalidState: STOPPED"),
    ("terminations", terminated("ws-standby01", errorCode="X"), GOOD, f"ws-standby01 in {P} by {BOB}, refused: X"),
    ("terminations", terminated("ws-another01"), UNSURE, "No standby"),
    ("renewals", history(P, RebuildWorkspaces=[REBUILT]), GOOD, f"ws-primary01 was rebuilt {WHEN} {SHOWN}"),
    ("renewals", history(P, RestoreWorkspace=[RESTORED]), GOOD, f"ws-primary01 was restored {WHEN} {SHOWN}"),
    ("renewals", MIGRATED, GOOD, f"ws-primary09 was migrated {WHEN} no standby names it now."),
    ("renewals", history(P, RebuildWorkspaces=OTHERS_REBUILT), UNSURE, "No primary with a standby was rebuilt"),
]


# Where something else is configured.
CONFIGURED: list[tuple[str, Answers, Verdict, str, dict[str, Any]]] = [
    ("orphan-data", primaries() | standbys(ORPHAN), GOOD, "ws-standby01 shows NO_REPLICATION. ", REPLICATED),
]


@pytest.mark.parametrize(
    ("check", "answers", "verdict", "words", "configured"),
    [
        *((check, {}, verdict, words, {}) for check, verdict, words in IN_HEALTH),
        *((check, answers, BAD, words, {}) for check, answers, words in DIFFERENT),
        *((*other, {}) for other in OTHERS),
        *CONFIGURED,
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_check_finds_and_what_to_do_about_it(
    check: str, answers: Answers, verdict: Verdict, words: str, configured: dict[str, Any]
) -> None:
    found, text = find(check, answers, configuration(**configured).pairs[0])
    assert (found, words in text) == (verdict, True), text


@pytest.mark.parametrize("check", [one.id for one in CHECKS])
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (refusal("AccessDeniedException", "User: alice is not authorized"), Verdict.NOT_ALLOWED),
        (refusal("400", ""), Verdict.FAILED),
        (EndpointConnectionError(endpoint_url="https://nowhere"), Verdict.FAILED),
        ({}, Verdict.FAILED),
    ],
    ids=["denied", "refused", "unreachable", "empty"],
)
def test_an_account_that_does_not_answer_is_a_finding_and_no_crash(
    check: str, answer: Answer, verdict: Verdict
) -> None:
    found, text = find(check, dict.fromkeys(HEALTHY, answer))
    assert found is verdict, text
    assert len(text) > 20
    assert "Traceback" not in text


def test_nothing_but_reading_gets_to_aws() -> None:
    account = FakeAccount({})
    for operation in ("create_standby_workspaces", "terminate_workspaces", "put_rule", "delete_message", "enable_rule"):
        with pytest.raises(NotReadingError):
            account.ask("workspaces", P, operation)
    assert account.asked == []


def test_all_checks_ask_for_what_its_policy_grants_once_a_second() -> None:
    account = FakeAccount(HEALTHY)
    place = Place(PAIR, account)
    for check in CHECKS:
        check.find(place)
    document = json.loads((ROOT / "tools/ask_aws/policy.json").read_text(encoding="utf-8"))
    assert {
        f"{service.replace('-', '')}:{''.join(part.capitalize() for part in operation.split('_'))}"
        for service, _, operation in account.asked
    } == set(document["Statement"][0]["Action"])
    paced = [service for service, _, _ in account.asked if service in ("workspaces", "cloudtrail")]
    assert isinstance(account.clock, NoWaiting)
    assert account.clock.slept == len(paced) - 2  # the first of each goes at once


def test_long_answers_are_read_to_the_end_and_history_is_bounded() -> None:
    many = [desktop(f"ws-primary{number:02}", f"user{number}") for number in range(7)]
    assert len(Place(PAIR, FakeAccount({**HEALTHY, **primaries(*many)})).primaries) == 7
    endless: Callable[..., Any] = lambda **_: {"Events": [{"CloudTrailEvent": "{}"}], "NextToken": "more"}  # noqa: E731
    place = Place(PAIR, FakeAccount({HISTORY: endless}))
    assert len(place.history(P, "CreateWorkspaces")) == 20


# -- writing


def pending(workspace_id: str) -> dict[str, Any]:
    made = {"UserName": "ALICE", "DirectoryId": AWAY, "State": "PENDING", "WorkspaceId": workspace_id}
    return {"PendingStandbyRequests": [made], "FailedStandbyRequests": []}


def failed(code: str, message: str = "words") -> dict[str, Any]:
    item = {"PrimaryWorkspaceId": "ws-primary01", "DirectoryId": AWAY}
    refused = {"StandbyWorkspaceRequest": item, "ErrorCode": code, "ErrorMessage": message}
    return {"PendingStandbyRequests": [], "FailedStandbyRequests": [refused]}


UNPROTECTED = {**HEALTHY, **primaries(ALONE), **standbys()}
FIRST = "aws workspaces terminate-workspaces --region us-west-2 --terminate-workspace-requests ws-standby01"


def request_twice(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[list[Any], Finding]:
    """What the check that writes finds where the service answers so; the requests' parameters."""
    service = Mock(**{"create_standby_workspaces.side_effect": answers})
    monkeypatch.setattr(Aws, "client", lambda *_, **options: service if options == {"once": True} else None)
    place = Place(PAIR, FakeAccount(UNPROTECTED))
    _, finding = writing.second_request(place, writing.primary_of(place, WorkspaceId("ws-primary01")))
    return [call.kwargs for call in service.create_standby_workspaces.call_args_list], finding


@pytest.mark.parametrize(
    ("second", "verdict", "words"),
    [
        (pending("ws-standby02"), GOOD, "It made a second one, ws-standby02."),
        (pending("ws-standby01"), GOOD, "the same standby again"),
        (failed("ResourceExists.WorkSpace"), GOOD, "It refuses: ResourceExists.WorkSpace: words"),
        (refusal("ResourceAlreadyExistsException"), GOOD, "It refuses"),
        (failed("Odd.Code"), BAD, "which the product takes for OTHER"),
        (refusal("InternalFailure", status=500), Verdict.FAILED, "there may be two"),
    ],
    ids=["another", "the same", "failed item", "refused", "unknown code", "unclear"],
)
def test_a_second_request(second: Any, verdict: Verdict, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, finding = request_twice(monkeypatch, pending("ws-standby01"), second)
    assert (finding.verdict, words in finding.text, FIRST in finding.commands) == (verdict, True, True), finding.text
    item = {"PrimaryWorkspaceId": "ws-primary01", "DirectoryId": AWAY, "DataReplication": "NO_REPLICATION", "Tags": []}
    assert calls == [{"PrimaryRegion": P, "StandbyWorkspaces": [item]}] * 2


def test_a_first_request_that_makes_none_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, finding = request_twice(monkeypatch, failed("ResourceNotFound.User"))
    assert (finding.verdict, len(calls)) == (Verdict.FAILED, 1)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([], "us-east-1 has no WorkSpace ws-primary01."),
        ([PRIMARY], "ws-primary01 has a standby, ws-standby01."),
        ([STANDBY | {"WorkspaceId": "ws-primary01"}], "ws-primary01 is itself a standby."),
        ([desktop("ws-primary01", "alice", "d-9067999999")], "ws-primary01 is of d-9067999999, which"),
    ],
)
def test_who_cannot_be_written_for(shown: list[dict[str, Any]], words: str) -> None:
    place = Place(PAIR, FakeAccount(primaries(*shown)))
    with pytest.raises(Problem, match=words.replace(".", r"\.")):
        writing.primary_of(place, WorkspaceId("ws-primary01"))


# -- the command


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAccount:
    """A healthy account behind the command, with standby.yaml in the present directory."""
    monkeypatch.chdir(tmp_path)
    text = json.dumps(configuration().model_dump(mode="json", exclude_defaults=True))
    Path("standby.yaml").write_text(text.replace('"notify": []', '"notify": ["ops@example.com"]'), encoding="utf-8")
    found = FakeAccount(dict(HEALTHY))
    monkeypatch.setattr(__main__, "Account", lambda account_id: found)
    identity = Mock(**{"get_caller_identity.return_value": {"Account": ACCOUNT}})
    monkeypatch.setattr(Aws, "client", lambda *_, **__: identity)
    return found


def test_it_prints_a_line_a_check_and_writes_json(account: FakeAccount, capsys: Capsys) -> None:
    account.answers = {**HEALTHY, **primaries(TWO)}
    assert main([]) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    document = json.loads(Path("build/ask-aws.json").read_text(encoding="utf-8"))
    assert [one["check"] for one in document["findings"]] == [one.id for one in CHECKS]
    assert document["counts"]["differs"] >= 1
    assert document["account"] == ACCOUNT
    assert all(f"\n{one.id} " in printed.out for one in CHECKS)
    assert f"\n{len(CHECKS)} checks: " in printed.out


def test_it_succeeds_where_nothing_differs(account: FakeAccount) -> None:
    assert main(["--output", "elsewhere/found.json"]) == 0
    assert Path("elsewhere/found.json").exists()


@pytest.mark.parametrize("typed", ["no", "", EOFError()])
def test_it_asks_before_it_writes(
    account: FakeAccount, typed: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    account.answers = UNPROTECTED
    monkeypatch.setattr("builtins.input", Mock(side_effect=[typed]))
    assert main(["--write", "--primary", "ws-primary01"]) == 1
    printed = capsys.readouterr()
    assert "USD 3.25 to 5.75" in " ".join(printed.out.split())
    assert printed.err == "Nothing was written.\n"
    assert not Path("build").exists()


def test_with_yes_it_requests_exactly_two_standbys_and_names_them(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    world = make_world()
    (one,) = create_ready(world, "user01")
    account.answers = {**HEALTHY, **primaries(desktop(one, "user01")), **standbys()}
    service, identity = client_of(world, DR), Aws().client("sts", P)
    monkeypatch.setattr(Aws, "client", lambda _, name, *__, **___: service if name == "workspaces" else identity)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    main(["--write", "--primary", one])
    printed = " ".join(capsys.readouterr().out.split())
    assert "second-request AS ASSUMED: It made a second one" in printed
    made = [standby.workspace_id for standby in world.standbys_of(one)]
    assert len(made) == 2
    assert all(f"--region {DR} --terminate-workspace-requests {standby}" in printed for standby in made)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--write"], "--write and --primary ws-… must be used together."),
        (["--primary", "ws-primary01"], "--write and --primary ws-… must be used together."),
        (["--write", "--primary", "primary"], "primary is not a WorkSpace id"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: 1 mistake"),
        (["--write", "--primary", "ws-another01", "--yes"], "us-east-1 has no WorkSpace ws-another01."),
    ],
)
def test_what_it_cannot_do_is_a_sentence(
    account: FakeAccount, arguments: list[str], words: str, capsys: Capsys
) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(words)


def test_credentials_of_another_account_are_refused(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    file = Path("standby.yaml")
    file.write_text(file.read_text().replace(f'"account": "{ACCOUNT}"', '"account": "999999999999"'))
    assert main([]) == 1
    assert "These credentials belong to account 123456789012" in capsys.readouterr().err
