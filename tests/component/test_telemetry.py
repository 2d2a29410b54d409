"""Log lines and metrics, by Powertools: what a change is logged and counted as, and once."""

import io
import json
import re
import uuid
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from standby.core.change import Change
from standby.core.model import Related, Status
from standby.core.reasons import Reason
from standby.core.row import Kind, Row
from standby.record import Recorder
from standby.telemetry import PowertoolsTelemetry
from tests.component.estate import DR, EVENT, Notes, settings
from tests.component.wire import ONE, TWO, Ticks

_NOTES: Any = Notes()
_NO_LEDGER: Any = None
OF = Recorder(_NO_LEDGER, _NO_LEDGER, settings(), Ticks(), _NOTES, EVENT)
WAITING: Any = OF.case(ONE, None).wait(Reason.NOT_VISIBLE_YET).new


Fields = dict[str, Any]
STATUSES = (
    {Status.REQUESTED: "StandbysRequested", Status.PROTECTED: "Protected", Status.HELD: "Held"}
    | {Status.REJECTED: "Rejected", Status.FAILED: "Failed", Status.TIMED_OUT: "TimedOut"}
    | {Status.INELIGIBLE: "Ineligible", Status.EXCLUDED: "Excluded"}
    | dict.fromkeys((Status.CLAIMED, Status.STANDBY_MISSING, Status.PRIMARY_GONE))
)
KINDS = {
    Kind.MIGRATED: "Migrated",
    **dict.fromkeys((Kind.PRIMARY_TERMINATED, Kind.STANDBY_TERMINATED), "TerminatedBySomebody"),
}

# The words of Logs Insights' query language that the documents use.
LANGUAGE = {
    "fields",
    "filter",
    "sort",
    "limit",
    "stats",
    "by",
    "as",
    "in",
    "asc",
    "desc",
    "count",
    "latest",
    "ispresent",
}


def published(use: Callable[[PowertoolsTelemetry], object]) -> tuple[list[Fields], list[Fields]]:
    """The lines that are logged, and the metrics of each line that is published, when it is used so."""
    lines, printed = io.StringIO(), io.StringIO()
    logger = Logger(service=f"protect-{uuid.uuid4()}", level="INFO", stream=lines)
    metrics: Any = Metrics(namespace="WorkspacesStandby", service="protect")
    # One process has one of these, and who ran before may have left something.
    metrics.clear_metrics()
    metrics.provider.dimension_set.clear()
    metrics.clear_default_dimensions()
    with redirect_stdout(printed):
        use(PowertoolsTelemetry(logger, metrics, "Stack"))
        if metrics.metric_set:
            metrics.flush_metrics()
    logs, found = ([json.loads(line) for line in text.getvalue().splitlines()] for text in (lines, printed))
    return logs, [counted(line) for line in found]


def counted(line: Fields) -> Fields:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], line["Stack"], line["service"]) == ("WorkspacesStandby", "Stack", "protect")
    assert [set(names) for names in directive["Dimensions"]] == [{"service", "Stack"}]
    return {metric["Name"]: (line[metric["Name"]], metric["Unit"]) for metric in directive["Metrics"]}


def written(*rows: Row) -> tuple[list[Fields], list[Fields]]:
    """What is published of a story of rows."""

    def use(one: PowertoolsTelemetry) -> None:
        for old, new in pairwise(rows):
            one.decided(Change(ONE, old, new, new.reason, "x"), EVENT, written=True)

    return published(use)


@pytest.mark.parametrize(("status", "metric"), STATUSES.items())
def test_a_status_is_counted_when_it_is_reached_alone(status: Status, metric: str | None) -> None:
    standby = Related(TWO, DR, "AVAILABLE", "STANDBY") if status is Status.PROTECTED else None
    row = OF.case(ONE, WAITING).record(status, Reason.ADOPTED, standby=standby, error=("Code", "words")).new
    assert row
    logs, metrics = written(WAITING, row, row.observe(Kind.DRIFT, True, OF.clock.now()))
    assert [(line["error_code"], line["error_message"]) for line in logs] == [("Code", "words")] * 2
    assert metrics == ([{metric: ([1.0], "Count")}] if metric else [])


@pytest.mark.parametrize(("kind", "metric"), KINDS.items())
def test_who_migrated_or_terminated_something_is_counted_once(kind: Kind, metric: str) -> None:
    noted = WAITING.observe(kind, True, OF.clock.now(), note="ws-x al")
    again = replace(noted, conditions={**noted.conditions}, message="y")
    other = noted.observe(kind, True, OF.clock.now(), note="ws-y al")
    assert written(WAITING, noted, again, other)[1] == [{metric: ([1.0, 1.0], "Count")}]


def test_what_is_not_written_is_neither_logged_nor_counted() -> None:
    change = OF.case(ONE, None).wait(Reason.NOT_VISIBLE_YET)
    assert published(lambda one: one.decided(change, EVENT, written=False)) == ([], [])


def test_a_gauge_is_published_at_once_with_its_unit_beside_what_is_counted() -> None:
    def use(one: PowertoolsTelemetry) -> None:
        one.count("NoticesSent")
        one.gauge("CoveragePercent", 99.5)
        one.gauge("CoverageAgeSeconds", 7)
        one.problem("It is tried again.", primary_id=ONE)

    (line,), metrics = published(use)
    gauges = [{"CoveragePercent": ([99.5], "Percent")}, {"CoverageAgeSeconds": ([7.0], "Seconds")}]
    assert metrics == [*gauges, {"NoticesSent": ([1.0], "Count")}]
    assert (line["level"], line["message"], line["primary_id"]) == ("WARNING", "It is tried again.", ONE)


def test_the_logs_insights_queries_of_the_documents_ask_for_what_a_log_line_has() -> None:
    row = OF.case(ONE, WAITING).record(Status.REJECTED, Reason.ACCESS_DENIED, error=("Code", "words")).new
    assert row
    (line,) = written(WAITING, row)[0]
    page = (Path(__file__).parents[2] / "docs/operate/logs.md").read_text(encoding="utf-8")
    queries = re.findall(r"<!-- logs: [a-z]+ -->\n```text\n(.*?)```", page, re.DOTALL)
    assert len(queries) == 5
    for query in queries:
        words = set(re.findall(r"@?[a-z_]+", re.sub(r'"[^"]*"', "", query)))
        made = set(re.findall(r" as ([a-z]+)", query))
        assert words - {*line} - {"@timestamp"} - made <= LANGUAGE
