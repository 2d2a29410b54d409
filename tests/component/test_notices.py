"""What leaves the ledger: each change to the bus, and one notice to a person for each trouble."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from standby.core.model import Status
from standby.core.reasons import MEANING, Reason
from standby.notices import Announcer, NotSent, detail, row_in, subject, text
from tests.component.estate import AWAY, DR, PRIMARY, Others, refusal

ROW: dict[str, Any] = (
    {"pk": "ws-1abc2def3", "sk": "EVENT#000003", "version": 3, "primary_id": "ws-1abc2def3", "user_name": "alex"}
    | {"primary_region": PRIMARY, "primary_directory_id": "d-906732325d", "dr_region": DR, "dr_directory_id": AWAY}
    | {"status": "REJECTED", "reason_code": "SERVICE_REFUSED", "message": "The service refused the standby."}
    | {"error_code": "Quantum.Entangled", "error_message": "Try next year.", "at": "2026-03-03T12:00:00.000Z"}
    | {"cause_id": "e-1", "principal": "al (Directory)", "created_by": "arn:aws:iam::123456789012:user/al"}
    | {"notice": True}
)


def announcer(others: Any) -> Announcer:
    return Announcer(others, others, bus_name="default", topic_arn="arn:topic")


# The words


@pytest.mark.parametrize("user", ["al", "Ärztin.Ångström", "名前", "x" * 300, "", "al\nEVIL", "\x1b[31m", "\x7f"])
def test_a_subject_is_one_short_line_of_ascii_whoever_the_user_is(user: str) -> None:
    for reason in Reason:
        found = subject(ROW | {"user_name": user, "reason_code": reason, "status": Status.PRIMARY_GONE})
        assert (found.isascii(), found.isprintable()) == (True, True)
        assert found.startswith("WorkSpaces Standby: ")
        assert len(found) < 100  # SNS says "less than 100", and has taken 100


def test_a_subject_says_who_and_what() -> None:
    assert subject(ROW) == "WorkSpaces Standby: alex: REJECTED (SERVICE_REFUSED)"
    nameless = {name: value for name, value in ROW.items() if name != "user_name"}
    assert subject(nameless) == "WorkSpaces Standby: ws-1abc2def3: REJECTED (SERVICE_REFUSED)"
    assert subject(ROW | {"notice_code": "MIGRATED"}) == "WorkSpaces Standby: alex: REJECTED (MIGRATED)"


def test_a_notice_says_what_to_do_about_any_reason_even_a_later_versions() -> None:
    for reason in Reason:
        for name in ("reason_code", "notice_code"):
            assert f"What to do: {MEANING[reason].advice}" in text(ROW | {name: reason}).splitlines()
    assert "What to do: See the message; the reason code is of a later version." in text(ROW | {"reason_code": "NEW"})


def test_a_notice_names_all_that_is_known_and_nothing_that_is_not() -> None:
    first, *told = text(ROW).splitlines()
    assert (first, told[1]) == (ROW["message"], f"What to do: {MEANING[Reason.SERVICE_REFUSED].advice}")
    labels = ["Primary", "User", "Directory", "Region", "DR Region", "DR directory", "Status", "Reason"]
    labels += ["AWS's error code", "AWS's message", "At", "Because of", "Called by", "Primary created by"]
    assert [line.partition(": ")[0] for line in told[3:]] == labels
    assert told[-5:-3] == ["AWS's message: Try next year.", "At: 2026-03-03T12:00:00.000Z"]
    assert "None" not in text({"reason_code": "DAILY_CAP", "message": "m", "status": "HELD"})


# Rows that somebody wrote by hand


def test_a_notice_of_a_row_of_any_length_fits_the_topic_and_can_be_sent() -> None:
    row = dict.fromkeys(ROW, "名" * 20000) | {"message": "half a character: \ud800 " + "x" * 400_000}
    assert len(text(row).encode()) < 256 * 1024
    assert text(row).startswith("half a character: \N{REPLACEMENT CHARACTER} x")


def test_a_row_that_is_more_than_the_bus_takes_goes_there_with_what_matters() -> None:
    sent = detail(ROW | {"error_message": "名" * 100_000, "notes": ["x"] * 100_000})
    assert len(sent.encode()) < 256 * 1024
    kept = {name: value for name, value in ROW.items() if name not in ("version", "notice")}
    assert json.loads(sent) == kept | {"error_message": "名" * 1000, "cut": True}


def test_an_attribute_that_cannot_be_read_leaves_the_rest_of_its_row_to_be_announced() -> None:
    image = {"pk": {"S": "ws-1"}, "version": {"N": "3"}, "new": {"V2": [1]}, "odd": None, "raw": {"B": "AAE="}}
    read = {"pk": "ws-1", "version": 3, "new": '{"V2": [1]}', "odd": "null", "raw": '{"B": "AAE="}'}
    assert row_in(image) == read
    assert row_in(None) == row_in([]) == {}


# The order, and what fails


def test_the_bus_comes_first_and_gets_the_whole_row() -> None:
    others = Others()
    assert announcer(others).announce(ROW) is True
    (bus, given), (topic, notice) = others.sent
    (entry,) = given["Entries"]
    assert json.loads(entry.pop("Detail")) == ROW
    named = {"EventBusName": "default", "Source": "workspaces-standby", "DetailType": "Standby Status Changed"}
    assert (bus, entry) == ("put_events", named)
    assert (topic, notice) == ("publish", {"TopicArn": "arn:topic", "Subject": subject(ROW), "Message": text(ROW)})


@pytest.mark.parametrize("notice", [None, False])
def test_a_change_that_needs_nobody_goes_to_the_bus_alone(notice: bool | None) -> None:
    others = Others()
    assert announcer(others).announce(ROW | {"notice": notice}) is False
    assert [name for name, _ in others.sent] == ["put_events"]


@pytest.mark.parametrize(("method", "sent"), [("put_events", []), ("publish", ["put_events"])])
def test_nobody_is_notified_before_the_bus_and_a_failure_is_raised(method: str, sent: list[str]) -> None:
    others = Others()
    others.problems[method] = refusal("Throttled")
    with pytest.raises(ClientError, match="Throttled"):
        announcer(others).announce(ROW)
    assert [name for name, _ in others.sent] == sent


def test_an_entry_that_the_bus_refuses_is_not_sent() -> None:
    others: Any = Others()
    others.put_events = lambda **_: {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Busy", "ErrorMessage": "later"}]}
    with pytest.raises(NotSent, match="EventBridge: Busy: later"):
        announcer(others).announce(ROW)
    assert others.sent == []
