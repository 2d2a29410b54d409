"""What leaves the ledger: each change to the bus, and one notice to a person for each trouble."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.workspaces import Fault
from standby.announce.notices import Announcer, NotSent, detail, row_in, subject, text
from standby.decisions.decision import record
from standby.ledger.ledger import Context
from standby.model import Cause, Status, WorkspaceId
from standby.reasons import MEANING, Reason
from tests.unit.estate import AWAY, DR, PRIMARY, USERS, Estate, estate

CREATE = "CreateStandbyWorkspaces"
ROW: dict[str, Any] = {
    "pk": "ws-1abc2def3",
    "sk": "EVENT#000003",
    "version": 3,
    "primary_id": "ws-1abc2def3",
    "primary_region": PRIMARY,
    "primary_directory_id": "d-906732325d",
    "dr_region": DR,
    "dr_directory_id": AWAY,
    "user_name": "alex",
    "status": "REJECTED",
    "reason_code": "SERVICE_REFUSED",
    "message": "The service refused the standby.",
    "error_code": "Quantum.Entangled",
    "error_message": "Try next year.",
    "at": "2026-03-03T12:00:00.000Z",
    "cause_id": "e-1",
    "principal": "arn:aws:iam::123456789012:user/al",
    "notice": True,
}


class Outside:
    """The bus and the topic, in the order in which they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.bus_answer: Any = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        self.topic_answer: Any = {"MessageId": "1"}

    def put_events(self, **request: Any) -> Any:
        return self._called("bus", request, self.bus_answer)

    def publish(self, **request: Any) -> Any:
        return self._called("topic", request, self.topic_answer)

    def _called(self, name: str, request: dict[str, Any], answer: Any) -> Any:
        self.calls.append((name, request))
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def announcer(outside: Outside) -> Announcer:
    return Announcer(outside, outside, bus_name="default", topic_arn="arn:topic")  # type: ignore[arg-type]


def told(found: Estate, primary_id: str) -> list[str]:
    """The reasons of a primary's events that make a notice."""
    return [event["reason_code"] for event in found.history(primary_id) if event.get("notice")]


# The words


@pytest.mark.parametrize("reason", Reason)
def test_a_subject_is_short_ascii_whoever_the_user_is(reason: Reason) -> None:
    for user in ("al", "Ärztin.Ångström-Łukasz", "名前", "x" * 300, ""):
        row = ROW | {"user_name": user, "reason_code": reason, "status": Status.PRIMARY_GONE}
        found = subject(row)
        assert found.isascii()
        assert found.isprintable()
        assert found.startswith("WorkSpaces Standby: ")
        assert len(found) < 100  # SNS says "less than 100", and has taken 100


def test_a_subject_says_who_and_what() -> None:
    assert subject(ROW) == "WorkSpaces Standby: alex: REJECTED (SERVICE_REFUSED)"
    nameless = {name: value for name, value in ROW.items() if name != "user_name"}
    assert "ws-1abc2def3: REJECTED" in subject(nameless)


@pytest.mark.parametrize("reason", [reason for reason in Reason if MEANING[reason].notify])
def test_a_notice_says_what_to_do(reason: Reason) -> None:
    assert f"What to do: {MEANING[reason].advice}" in text(ROW | {"reason_code": reason}).splitlines()


def test_a_notice_names_all_that_is_known_and_nothing_that_is_not() -> None:
    lines = text(ROW).splitlines()
    assert lines[0] == "The service refused the standby."
    for line in (
        "Primary: ws-1abc2def3",
        "User: alex",
        f"DR Region: {DR}",
        "AWS's error code: Quantum.Entangled",
        "AWS's message: Try next year.",
        "Called by: arn:aws:iam::123456789012:user/al",
        "At: 2026-03-03T12:00:00.000Z",
    ):
        assert line in lines
    assert not any(line.startswith("Standby:") for line in lines)
    assert "None" not in text({"reason_code": "DAILY_CAP", "message": "m", "status": "HELD"})


# Rows that somebody wrote by hand


def test_a_subject_has_no_line_end_and_no_control_character_whatever_the_user_is_called() -> None:
    for user in ("al\nEVIL", "\x1b[31m", "tab\t", "\x7f"):
        assert subject(ROW | {"user_name": user}).isprintable()


def test_a_notice_of_a_row_of_any_length_fits_the_topic_and_can_be_sent() -> None:
    row = dict.fromkeys(ROW, "名" * 20000) | {"message": "half a character: \ud800 " + "x" * 400_000}
    assert len(text(row).encode()) < 256 * 1024
    assert text(row).startswith("half a character: ")


def test_a_row_that_is_more_than_the_bus_takes_goes_there_with_what_matters() -> None:
    sent = detail(ROW | {"error_message": "名" * 100_000, "notes": ["x"] * 100_000})
    assert len(sent.encode()) < 256 * 1024
    found = json.loads(sent)
    assert {name: found[name] for name in ("pk", "sk", "status", "reason_code")} == {
        name: ROW[name] for name in ("pk", "sk", "status", "reason_code")
    }
    assert found["error_message"].startswith("名名")
    assert found["cut"] is True


def test_an_attribute_that_cannot_be_read_leaves_the_rest_of_its_row_to_be_announced() -> None:
    image = {"pk": {"S": "ws-1abc2def3"}, "version": {"N": "3"}, "new": {"V2": [1]}, "odd": None, "raw": {"B": "AAE="}}
    assert row_in(image) == {
        "pk": "ws-1abc2def3",
        "version": 3,
        "new": '{"V2": [1]}',
        "odd": "null",
        "raw": '{"B": "AAE="}',
    }
    assert row_in(None) == row_in([]) == {}


# The order, and what fails


def test_the_bus_comes_first_and_gets_the_whole_row() -> None:
    outside = Outside()
    assert announcer(outside).announce(ROW) is True
    assert outside.names == ["bus", "topic"]
    (entry,) = outside.calls[0][1]["Entries"]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "default",
        "workspaces-standby",
        "Standby Status Changed",
    )
    assert json.loads(entry["Detail"]) == ROW
    assert outside.calls[1][1] == {"TopicArn": "arn:topic", "Subject": subject(ROW), "Message": text(ROW)}


@pytest.mark.parametrize("notice", [None, False])
def test_a_change_that_needs_nobody_goes_to_the_bus_alone(notice: bool | None) -> None:
    outside = Outside()
    assert announcer(outside).announce(ROW | {"notice": notice}) is False
    assert outside.names == ["bus"]


@pytest.mark.parametrize("raises", [True, False])
def test_nobody_is_told_while_the_bus_does_not_take_the_event(raises: bool) -> None:
    outside = Outside()
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
    outside.bus_answer = ClientError({"Error": {"Code": "InternalFailure"}}, "PutEvents") if raises else refused
    with pytest.raises((ClientError, NotSent), match="InternalFailure"):
        announcer(outside).announce(ROW)
    assert outside.names == ["bus"]


def test_a_notice_that_was_not_taken_is_to_be_sent_again() -> None:
    outside = Outside()
    outside.topic_answer = ClientError({"Error": {"Code": "Throttled"}}, "Publish")
    with pytest.raises(ClientError):
        announcer(outside).announce(ROW)
    assert outside.names == ["bus", "topic"]


# Which changes tell somebody


def test_a_good_course_tells_nobody() -> None:
    with estate() as found:
        (one,) = found.create(USERS[0])
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        assert told(found, one) == []


def test_each_workspace_in_trouble_gets_its_own_notice_and_each_once() -> None:
    with estate() as found:
        ids = found.create_ready(*USERS[:3])
        for user in USERS[:3]:
            found.world.fail_standby_of(user)
        found.protect(*ids)
        found.watch()
        assert [told(found, one) for one in ids] == [["STANDBY_IN_ERROR"]] * 3
        found.protect(*ids)
        assert [told(found, one) for one in ids] == [["STANDBY_IN_ERROR"]] * 3


def test_the_same_trouble_again_is_not_told_again_though_something_lay_between() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        for _ in range(3):
            found.world.inject(Fault(operation=CREATE, kind="refuse", times=1))
            found.protect(one)
        assert [event["status"] for event in found.history(one)] == ["CLAIMED", "REJECTED"] * 3
        assert told(found, one) == ["ACCESS_DENIED"]


def test_another_trouble_is_told() -> None:
    with estate() as found:
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="refuse", times=1))
        found.protect(one)
        found.world.fail_standby_of(USERS[0])
        found.protect(one)
        found.watch()
        assert told(found, one) == ["ACCESS_DENIED", "STANDBY_IN_ERROR"]


def test_the_same_trouble_is_told_again_after_the_primary_was_protected() -> None:
    with estate() as found:
        book = found.parts.recorder(Context(Cause("sweep", "s"), owner="test"))
        (one,) = found.create_ready(USERS[0])
        found.world.inject(Fault(operation=CREATE, kind="refuse", times=1))
        found.protect(one)
        found.protect(one)
        found.watch()
        assert found.status(one)[0] is Status.PROTECTED
        found.pass_time(minutes=1)
        refused = record(WorkspaceId(one), Status.REJECTED, Reason.ACCESS_DENIED)
        book.carry_out(refused, found.row(one), None)
        assert told(found, one) == ["ACCESS_DENIED", "ACCESS_DENIED"]


def test_a_primary_that_cannot_have_a_standby_for_want_of_a_key_tells_somebody_and_a_linux_one_nobody() -> None:
    with estate() as found:
        key = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
        encrypted, linux = (
            *found.create_ready(USERS[0], UserVolumeEncryptionEnabled=True, VolumeEncryptionKey=key),
            *found.create_ready(USERS[1], BundleId="wsb-ubuntustandard"),
        )
        found.protect(encrypted, linux)
        assert told(found, encrypted) == ["NO_DR_KEY"]
        assert told(found, linux) == []


def test_what_holds_many_is_told_once_a_day_for_the_pair_and_for_no_single_primary() -> None:
    with estate() as found:
        found.configure(max_standbys=0)
        ids = found.create_ready(*USERS[:4])
        found.protect(*ids)
        (first,) = found.history("HOLD#CEILING")
        found.pass_time(hours=1)
        found.protect(*ids)
        assert [told(found, one) for one in ids] == [[]] * 4
        # Written again it would leave through the stream again.
        assert found.history("HOLD#CEILING") == [first]
        assert first["notice"] is True
        assert (first["sk"], first["status"]) == ("EVENT#2026-01-05", "HELD")
        assert MEANING[Reason.CEILING].advice in text(first)
        assert len(subject(first)) < 100
        found.pass_time(hours=24)
        found.protect(*ids)
        assert [event["sk"] for event in found.history("HOLD#CEILING")] == ["EVENT#2026-01-05", "EVENT#2026-01-06"]


def test_the_notice_of_a_used_up_quota_has_the_services_words() -> None:
    with estate(standby_quota=0) as found:
        (one,) = found.create_ready(USERS[0])
        found.protect(one)
        (event,) = found.history("HOLD#QUOTA_REACHED")
        assert "L-9A67B5CB" in text(event)
        assert "is used up." in event["message"]
        assert event["ix_day"].startswith("2026-01-05#")
        found.clock.sleep(timedelta(minutes=5).total_seconds())
        found.protect(one)
        assert len(found.history("HOLD#QUOTA_REACHED")) == 1
