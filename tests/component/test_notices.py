"""What leaves the ledger: each change to the bus, and one notice to a person for each trouble."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from standby.core.model import Status
from standby.core.reasons import Reason
from standby.notices import Announcer, command, detail, row_in, subject, text
from tests.component.estate import AWAY, DR, PRIMARY, Others, refusal, settings

ROW: dict[str, Any] = (
    {"pk": "ws-1abc2def3", "sk": "EVENT#000003", "version": 3, "primary_id": "ws-1abc2def3", "user_name": "alex"}
    | {"primary_region": PRIMARY, "primary_directory_id": "d-906732325d", "dr_region": DR, "dr_directory_id": AWAY}
    | {"status": "REJECTED", "reason_code": "SERVICE_REFUSED", "message": "The service refused to create the standby."}
    | {"error_code": "Quantum.Entangled", "error_message": "Try next year.", "at": "2026-03-03T12:00:00.000Z"}
    | {"cause_id": "e-1", "principal": "al (Directory)", "created_by": "arn:aws:iam::123456789012:user/al"}
    | {"notice": True}
)


def announcer(others: Any) -> Announcer:
    return Announcer(others, lambda: others, bus_name="default", topic_arn="arn:topic", settings=settings())


def words(*rows: dict[str, Any]) -> str:
    return text(rows, settings())


# The words


@pytest.mark.parametrize("user", ["al", "Ärztin.Ångström", "名前", "x" * 300, "", "al\nEVIL", "\x1b[31m", "\x7f"])
def test_a_subject_is_one_short_line_of_ascii_whoever_the_user_is(user: str) -> None:
    for reason in Reason:
        found = subject([ROW | {"user_name": user, "reason_code": reason, "status": Status.PRIMARY_GONE}])
        assert (found.isascii(), found.isprintable()) == (True, True)
        assert found.startswith("WorkSpaces Standby: ")
        assert len(found) < 100  # SNS says "less than 100", and has taken 100


def test_a_subject_says_who_and_what() -> None:
    assert subject([ROW]) == "WorkSpaces Standby: alex: REJECTED (SERVICE_REFUSED)"
    # A row that somebody wrote manually holds up none behind it.
    assert subject([ROW | {"user_name": 4711}]) == "WorkSpaces Standby: 4711: REJECTED (SERVICE_REFUSED)"
    nameless = {name: value for name, value in ROW.items() if name != "user_name"}
    assert subject([nameless]) == "WorkSpaces Standby: ws-1abc2def3: REJECTED (SERVICE_REFUSED)"
    assert subject([ROW | {"notice_code": "MIGRATED"}]) == "WorkSpaces Standby: alex: REJECTED (MIGRATED)"


def test_a_notice_says_what_to_do_about_any_reason_even_a_later_versions() -> None:
    for reason in Reason:
        for name in ("reason_code", "notice_code"):
            assert f"What to do: {reason.meaning.advice}" in words(ROW | {name: reason}).splitlines()
    assert "What to do: Read the message. A later version wrote the row and its reason." in words(
        ROW | {"reason_code": "NEW"}
    )


def test_a_notice_names_all_that_is_known_and_nothing_that_is_not() -> None:
    first, *told = words(ROW).splitlines()
    assert (first, told[1]) == (ROW["message"], f"What to do: {Reason.SERVICE_REFUSED.meaning.advice}")
    labels = ["Primary", "User", "Directory", "Region", "DR Region", "DR directory", "Status", "Reason"]
    labels += ["AWS's error code", "AWS's message", "At", "Because of", "Called by", "Primary created by"]
    assert [line.partition(": ")[0] for line in told[3:]] == labels
    assert told[-5:-3] == ["AWS's message: Try next year.", "At: 2026-03-03T12:00:00.000Z"]
    of_the_pair = words(ROW | {"primary_id": "PAUSE", "reason_code": "PAUSE_ON"}).splitlines()
    assert "Ledger entry: PAUSE" in of_the_pair
    assert [line for line in of_the_pair if line.startswith("Primary: ")] == []
    assert "None" not in words({"reason_code": "DAILY_CAP", "message": "m", "status": "HELD"})


def test_a_notice_of_many_has_the_number_the_first_twenty_and_the_command_that_lists_all() -> None:
    rows = [ROW | {"pk": f"ws-{number:09}", "primary_id": f"ws-{number:09}"} for number in range(214)]
    rows[7] |= {"status": "FAILED", "at": "2026-03-04T00:00:01.000Z"}
    assert subject(rows) == "WorkSpaces Standby: 214 desktops: FAILED, REJECTED (SERVICE_REFUSED)"
    first, _, advice, _, *listed = words(*rows).splitlines()
    meaning = Reason.SERVICE_REFUSED.meaning
    assert (first, advice) == (meaning.sentence, f"What to do: {meaning.advice}")
    directory, end = ROW["primary_directory_id"], "REJECTED  The service refused to create the standby."
    assert listed[19] == f"2026-03-03T12:00:00.000Z  alex  ws-000000019  {directory}  {end}"
    later = "and later ones of the same reason on that day (UTC), run in a shell:"
    assert listed[20:23] == ["", f"These are 20 of 214 desktops. To list all of them, {later}", ""]
    assert listed[23] == "for day in 2026-03-03 2026-03-04; do for shard in 0 1 2 3; do"


# Rows that somebody wrote by hand


def test_a_command_in_a_notice_runs_nothing_that_a_row_says() -> None:
    found = command([ROW | {"reason_code": "'; rm *'", "at": "$(rm *)"}], settings())
    assert ("rm *" in found, '":since": {"S": "__rm___"}' in found, "for day in __rm___; do" in found) == (0, 1, 1)


def test_a_notice_of_a_row_of_any_length_fits_the_topic_and_can_be_sent() -> None:
    row = dict.fromkeys(ROW, "名" * 20000) | {"message": "half a character: \ud800 " + "x" * 400_000}
    assert max(len(words(*[row] * count).encode()) for count in (1, 500)) < 256 * 1024
    assert words(row).startswith("half a character: \N{REPLACEMENT CHARACTER} x")


def test_a_row_that_is_more_than_the_bus_takes_goes_there_with_what_matters() -> None:
    sent = detail(ROW | {"error_message": "名" * 100_000, "notes": ["x"] * 100_000})
    assert 10 * len(detail(dict.fromkeys(ROW, "😀" * 20000)).encode()) < 250 * 1024
    kept = {name: value for name, value in ROW.items() if name not in ("version", "notice")}
    assert json.loads(sent) == kept | {"error_message": "名" * 100, "cut": True}


def test_an_attribute_that_cannot_be_read_leaves_the_rest_of_its_row_to_be_announced() -> None:
    image = {"pk": {"S": "ws-1"}, "version": {"N": "3"}, "new": {"V2": [1]}, "odd": None, "raw": {"B": "AAE="}}
    read = {"pk": "ws-1", "version": 3, "new": '{"V2": [1]}', "odd": "null", "raw": '{"B": "AAE="}'}
    assert row_in(image) == read
    assert row_in(None) == row_in([]) == {}


# The order, and what fails


class Failing(Others):
    """A bus that does not take one row, by its place, and a topic that throttles what is about one reason."""

    def __init__(self, row: int | None = None, reason: str = "none", answer: Any = None) -> None:
        super().__init__()
        self._row, self._reason, self._answer = row, reason, answer

    def put_events(self, Entries: Any) -> Any:  # noqa: N803
        assert len(Entries) <= 10
        taken = [one for one in Entries if json.loads(one["Detail"])["version"] != self._row]
        if len(taken) < len(Entries):
            told = {"Entries": [{"EventId": 1} if one in taken else {} for one in Entries]}
            return told if self._answer is None else self._answer
        return Others.__getattr__(self, "put_events")(Entries=Entries)

    def publish(self, **notice: Any) -> Any:
        if f"({self._reason})" in notice["Subject"]:
            raise refusal("Throttled")
        return Others.__getattr__(self, "publish")(**notice)


@pytest.mark.parametrize(
    ("rows", "failing", "done", "notified"),
    [
        # A letter is a notice of that reason; then how often each row is in a notice once the rest came again.
        ("AB-A", Failing(), 4, "1101"),
        ("ABAA", Failing(row=2), 2, "1111"),
        ("ABAA", Failing(row=0), 0, "1111"),
        ("A" * 25, Failing(row=13), 13, "1" * 25),
        ("AAA", Failing(row=1, answer={}), 0, "111"),
        ("AAA", Failing(row=1, answer={"Entries": []}), 0, "111"),
        # What left about A also spoke of a row that is behind the first B: the only copies.
        ("ABA-BA", Failing(reason="B"), 1, "112012"),
        ("ABA-BA", Failing(reason="A"), 0, "111011"),
        ("ABABA", Failing(row=3, reason="B"), 1, "11211"),
    ],
)
def test_what_is_not_done_comes_again_and_no_notice_is_lost(
    rows: str, failing: Failing, done: int, notified: str
) -> None:
    events = [
        ROW | {"pk": f"ws-{at}", "primary_id": f"ws-{at}", "version": at, "reason_code": one, "notice": one != "-"}
        for at, one in enumerate(rows)
    ]
    found, left, problem = announcer(failing).announce(events)
    assert (found, left, not problem) == (done, len(failing.of("publish")), done == len(rows))
    others = Others()
    assert announcer(others).announce(events[done:])[::2] == (len(rows) - done, "")
    messages = [one["Message"] for each in (failing, others) for one in each.of("publish")]
    found_in = Counter(at for at in range(len(rows)) for one in messages if re.search(rf"ws-{at}\b", one))
    assert "".join(str(found_in[at]) for at in range(len(rows))) == notified


def test_the_bus_gets_whole_rows_and_one_notice_is_about_each_reason_and_each_row_of_the_pair() -> None:
    others = Others()
    pair = [ROW | {"pk": f"HOLD#{one}", "reason_code": "DAILY_CAP"} for one in "ab"]
    pair += [ROW | {"pk": "PAUSE", "sk": f"EVENT#{at}", "reason_code": "PAUSE_ON"} for at in "12"]
    rows = [ROW, *pair, ROW | {"notice": False}, ROW, ROW | {"notice_code": "MIGRATED"}]
    assert announcer(others).announce(rows) == (8, 6, "")
    (given,) = others.of("put_events")
    assert [json.loads(entry.pop("Detail")) for entry in given["Entries"]] == rows
    named = {"EventBusName": "default", "Source": "workspaces-standby", "DetailType": "Standby Status Changed"}
    assert given["Entries"] == [named] * 8
    groups = [[ROW, ROW], *([one] for one in pair), [rows[-1]]]
    notices = [{"TopicArn": "arn:topic", "Subject": subject(one), "Message": words(*one)} for one in groups]
    assert others.of("publish") == notices


def test_a_notice_whose_words_are_refused_leaves_without_them() -> None:
    others: Any = Others()
    given: list[Any] = []

    def publish(**notice: Any) -> None:
        given.append(notice)
        if "alex" in notice["Message"]:
            raise others.exceptions.InvalidParameterException

    others.publish = publish
    assert announcer(others).announce([ROW]) == (1, 1, "")
    assert given[1]["Message"].startswith("SNS refused the text of a notice. To list all ")
