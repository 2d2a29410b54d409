"""`standby report`: its files, its period, redaction, and data that is empty, tiny or ugly."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.report.figures import Day, Protection, Shown
from cli.report.forms import span
from cli.report.names import LEFT_OUT, Names
from cli.report.pdf import Paper, write_pdf
from tests.cli.pages import Page, needs_pango, read_pdf, report, sheet
from tests.cli.practised import FLEET, NEW, practised
from tests.cli.stage import Ran, Stage
from tests.component.estate import DR, HOME, PRIMARY, TABLE, refusal

NAMES = (*NEW, *FLEET, "alex", "CHG-4711")
ROOT = Path(__file__).resolve().parents[2]
DENIED = refusal("AccessDeniedException", message="User: a is not authorized to perform: dynamodb:Query on resource: x")
THROTTLED = refusal("ThrottlingException", message="Rate exceeded")
TITLES = [
    "The answer",
    "As of when, and how complete",
    "Coverage over time",
    "By directory",
    "Gaps",
    "Age of copies",
    "Drift and PCoIP",
    "Time from creation to protected",
    "What changed, and who caused it",
    "Exclusions, and who decided them",
    "Orphans and cost",
    "Prerequisites",
    "What this report does not show",
    "Method and glossary",
    "Controls that it is evidence for",
]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pair with some life behind it; nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        yield practised()


@pytest.fixture(scope="module")
def week(lived: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Page]:
    """A report of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("week"))
        return report(lived, "--since 2026-01-05")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# The files


def test_it_has_the_fifteen_sections_in_their_order_and_says_what_it_wrote(week: tuple[Ran, Page]) -> None:
    ran, page = week
    assert (ran.status, "Traceback" in ran.err) == (0, False)
    assert page.headings == [f"{number} {title}" for number, title in enumerate(TITLES, 1)]
    answer, *_ = page.paragraphs[2:]
    assert answer.startswith("If us-east-1 failed now, ")
    assert ran.out.startswith(f"{answer}\n")
    assert "report.html\tthe report" in ran.out
    assert f"read in {PRIMARY}." in ran.err


def test_json_has_the_answer_and_the_files(lived: Stage) -> None:
    ran = lived.standby("report --out r.html --data d --since 2026-01-05 --output json")
    found = json.loads(ran.out)
    assert (found["complete"], found["source_region"], found["stack"]) == (True, PRIMARY, TABLE)
    assert found["people_could_work"] + found["people_with_nothing"] + found["people_not_known"] == 12
    files = {one["file"]: one["rows"] for one in found["files"]}
    assert files["r.html"] is None
    assert files["d/gaps.csv"] == len(sheet(Path("d"), "gaps")) == found["people_with_nothing"]


def test_the_same_figures_make_the_same_bytes_in_every_time_zone(lived: Stage, week: tuple[Ran, Page]) -> None:
    lived.standby("report --out r.html --since 2026-01-05T00:00Z", TZ="Asia/Tokyo")
    assert Path("r.html").read_text(encoding="utf-8") == week[1].html


def test_nothing_is_fetched_and_nothing_runs(week: tuple[Ran, Page]) -> None:
    _, page = week
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "img", "base", "form"}
    found = [str(value) for _, given in page.tags for name, value in given.items() if name in ("src", "href", "action")]
    assert {one[0] for one in found} == {"#"}
    assert not re.search(r"@import|url\(|@font-face", page.html)
    assert "default-src 'none'" in page.html


def test_every_chart_has_a_title_a_description_and_a_sentence(week: tuple[Ran, Page]) -> None:
    _, page = week
    charts = [given for tag, given in page.tags if tag == "svg"]
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    assert len(charts) == page.html.count("<figcaption>") >= 3
    for given in charts:
        assert given["role"] == "img"
        assert set(str(given["aria-labelledby"]).split()) <= set(ids)


def test_a_file_is_replaced_whole_or_not_at_all(lived: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("report.html").write_text("before")
    Path("data").mkdir()
    Path("data/gaps.csv").write_text("before")
    monkeypatch.setattr("cli.report.making.pages.page", lambda *_: 1 / 0)
    ran = lived.standby("report --out report.html --data data")
    assert ran.status == 4
    assert Path("report.html").read_text() == Path("data/gaps.csv").read_text() == "before"
    assert sorted(one.name for one in (*Path().iterdir(), *Path("data").iterdir())) == [
        "data",
        "gaps.csv",
        "report.html",
    ]


@pytest.mark.parametrize("option", ["--out", "--pdf", "--data"])
def test_a_place_that_cannot_be_written_is_said(lived: Stage, option: str) -> None:
    Path("file").write_text("")
    ran = lived.standby(f"report --out r.html {option} file/below")
    assert (ran.status, "Traceback" in ran.err) == (2, False)
    assert "cannot be written" in ran.err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--since tomorrow", "BadTime"),
        ("--since 2026-01-05 --until 2026-01-04", "EmptyPeriod"),
        ("--since 2027-01-01 --until 2027-02-01", "InTheFuture"),
        ("--since 2027-01-01", "InTheFuture"),
        ("--out ''", "CannotWrite"),
        ("--out .", "CannotWrite"),
        ("--pdf /dev/null", "CannotWrite"),
        ("--pdf ./r.html", "SameFile"),
        ("--directory d-90unmapped0", "NoSuchDirectory"),
        ("--paper papyrus", "NoSuchPaper"),
    ],
)
def test_wrong_use_is_said_and_writes_nothing(lived: Stage, line: str, code: str) -> None:
    ran = lived.standby(f"report --out r.html --data d {line} --output json")
    assert (ran.status, json.loads(ran.err)["code"]) == (2, code)
    assert list(Path().glob("*.html")) == list(Path().glob("d/*")) == []


def test_of_two_pairs_one_has_to_be_named(lived: Stage) -> None:
    other = TABLE.replace("us-west-2", "eu-west-1")
    lived.stacks[PRIMARY, other] = {"LedgerTableName": TABLE}
    try:
        ran = lived.standby("report --output json")
        assert (ran.status, json.loads(ran.err)["code"]) == (2, "SeveralStacks")
        assert report(lived, f"--stack {TABLE}")[0].status == 0
    finally:
        del lived.stacks[PRIMARY, other]


def test_without_its_packages_it_says_how_to_install_them() -> None:
    code = "import sys; sys.modules['altair'] = None; from cli.main import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, "report"], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install --require-hashes --requirement cli/report/requirements.txt" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_other_command_imports_what_it_needs() -> None:
    code = (
        "import sys; from cli.main import main; main(sys.argv[1:]);"
        "print([one for one in ('jinja2', 'altair', 'vl_convert', 'weasyprint', 'narwhals') if one in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}
    for words in (["--help"], ["report", "--help"], ["explain", "DRIFT"]):
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment, check=True
        )
        assert ran.stdout.splitlines()[-1] == "[]"


# The PDF


@needs_pango
@pytest.mark.parametrize(("paper", "size"), [(Paper.A4, (595, 842)), (Paper.LETTER, (612, 792))])
def test_a_page_has_the_size_of_the_paper(paper: Paper, size: tuple[int, int]) -> None:
    write_pdf("<p>one page", Path("report.pdf"), paper)
    (page,) = read_pdf("report.pdf").pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == size


@needs_pango
def test_the_pdf_is_tagged_has_the_same_answer_and_names_nobody_if_redacted(lived: Stage) -> None:
    ran, page = report(lived, "--since 2026-01-05 --redact --pdf report.pdf")
    found = read_pdf("report.pdf")
    assert "report.pdf\tthe report as PDF" in ran.out
    catalogue: Any = found.root_object
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"] == "en"
    text = " ".join(" ".join(one.extract_text() for one in found.pages).split())
    assert page.paragraphs[2] in text
    assert all(title in text for title in TITLES)
    # What is cut at the right is not on the page: every cell of the widest tables is.
    for shown in page.tables:
        cells = [cell for row in shown.rows for cell in row if re.fullmatch(r"[A-Z_]{4,}", cell)]
        assert [cell for cell in cells if cell not in text] == []
    assert [name for name in NAMES if name in text] == []
    pseudonyms = set(re.findall(r"user-[0-9a-f]{12}", page.html))
    assert pseudonyms
    assert {one for one in pseudonyms if one not in text.replace(" ", "")} == set()


def test_without_pango_the_pdf_says_what_to_install(lived: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lacking:
        """An import system without it."""

        def find_spec(self, name: str, *_: Any) -> None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    for name in [one for one in sys.modules if one.partition(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    ran = lived.standby("report --out r.html --pdf r.pdf")
    assert ran.status == 2
    assert "apt-get install libpango-1.0-0" in ran.err
    assert not Path("r.html").exists()


# Redaction


def test_a_redacted_report_names_nobody_and_its_pseudonyms_are_stable(lived: Stage) -> None:
    ran, page = report(lived, "--since 2026-01-05 --data data --redact")
    assert "The new key of the pseudonyms is in standby-redact.key. Keep it, and do not hand it over." in ran.err
    assert stat.S_IMODE(Path("standby-redact.key").stat().st_mode) == 0o600
    text = page.html + "".join(one.read_text(encoding="utf-8") for one in Path("data").iterdir())
    assert [name for name in NAMES if name in text] == []
    first = sheet(Path("data"), "gaps")
    again, other = report(lived, "--since 2026-01-05 --data data --redact")
    assert "new key" not in again.err
    assert (sheet(Path("data"), "gaps"), other.html) == (first, page.html)


def test_a_reason_that_is_left_out_is_in_one_pair_of_parentheses(lived: Stage) -> None:
    kept = lived.item(f"SWEEP#{HOME}", "BASELINE")
    given = {"accepted": True, "accepted_at": "2026-01-05T09:00:00.000Z", "accepted_by": "al", "because": "CHG-9"}
    lived.table.set(kept["pk"], "BASELINE", given)
    lived.put("PAUSE", "PAUSE", paused=True, paused_by="al", because="CHG-9")
    try:
        page = report(lived, "--since 2026-01-05 --redact")[1].html
    finally:
        lived.put("PAUSE", "PAUSE", paused=False)
        lived.table.put(kept)
    assert ("CHG-9" in page, "((" in page) == (False, False)
    assert re.search(r"accepted by user-[0-9a-f]{12} at 2026-01-05 09:00 UTC \(left out: --redact\)", page)
    assert re.search(r"paused by user-[0-9a-f]{12} \(left out: --redact\)", page)


def test_a_pseudonym_goes_by_the_key_and_the_name_in_any_case_and_text_is_left_out() -> None:
    names = Names(b"k" * 32)
    assert names.user("Alice") == names.user("alice") != names.user("bob")
    assert names.user("Alice") != Names(b"j" * 32).user("Alice")
    assert re.fullmatch(r"user-[0-9a-f]{12}", names.user("Alice"))
    assert names.user("[UNDEFINED]") == "[UNDEFINED]"
    role = "arn:aws:sts::123456789012:assumed-role/operators/alice"
    assert names.who(role) == f"{names.user('alice')} (role operators)"
    assert names.who("arn:aws:iam::123456789012:user/x/alice") == names.user("alice")
    assert names.who("alice (Directory)") == names.user("alice (Directory)")
    assert names.text("alice wants it") == names.noted("alice wants it") == LEFT_OUT
    assert (Names().noted("CHG-9"), Names().noted(None)) == ("(CHG-9)", "")
    assert names.rule("exclude.users: alice") == f"exclude.users: {names.user('alice')}"
    assert names.rule("exclude.tags: Env: dev") == "exclude.tags: Env: dev"
    assert Names().who(role) == "alice (role operators)"


@pytest.mark.parametrize("content", ["", "secret", "ab" * 31])
def test_a_key_that_is_none_is_wrong_use(lived: Stage, content: str) -> None:
    Path("standby-redact.key").write_text(content)
    ran = lived.standby("report --redact --output json")
    assert (ran.status, json.loads(ran.err)["code"]) == (2, "BadKey")


def test_a_period_before_the_first_sweep_has_no_value_for_any_day(lived: Stage) -> None:
    ran, page = report(lived, "--since 2025-12-01 --until 2025-12-03 --data d")
    assert ran.status == 0
    assert {row["state"] for row in sheet(Path("d"), "days")} == {"not watched"}
    assert {row["coverage_percent"] for row in sheet(Path("d"), "days")} == {""}
    assert "No day of the period has a complete sweep of every directory. The coverage is not known." in page.text
    # What is now is known all the same.
    assert page.figures["people-work"] == "7"


def test_a_region_that_does_not_answer_is_replaced_by_the_replica_and_it_says_so(lived: Stage) -> None:
    lived.down = {PRIMARY}
    try:
        ran, page = report(lived, f"--stack {TABLE}")
    finally:
        lived.down = set()
    assert (ran.status, page.figures["source-region"], page.figures["people-work"]) == (0, DR, "7")
    assert f"The ledger was read from its replica in {DR}" in page.text


def test_where_no_region_answers_the_report_says_that_nothing_is_known(lived: Stage) -> None:
    lived.down = {PRIMARY, DR}
    try:
        ran, page = report(lived, f"--stack {TABLE} --data d")
    finally:
        lived.down = set()
    assert (ran.status, "Traceback" in ran.err) == (4, False)
    assert page.paragraphs[2] == "It is not known whether people could work if us-east-1 failed now."
    assert page.headings == [f"{number} {title}" for number, title in enumerate(TITLES, 1)]
    assert not {"people-work", "excluded", "drifted"} & page.figures.keys()
    # A sheet of what could not be read would pass for one without rows.
    assert not {"gaps.csv", "changes.csv", "orphans.csv"} & {one.name for one in Path("d").iterdir()}


@pytest.mark.parametrize(("trouble", "status", "is_written"), [(DENIED, 3, False), (THROTTLED, 4, True)])
def test_what_is_refused_is_an_error_and_what_does_not_answer_is_a_report_that_says_so(
    lived: Stage, trouble: Exception, status: int, is_written: bool
) -> None:
    lived.refused |= {("dynamodb", operation): trouble for operation in ("query", "batch_get_item")}
    try:
        ran = lived.standby("report --out r.html")
    finally:
        lived.refused.clear()
    assert (ran.status, Path("r.html").exists(), "Traceback" in ran.err) == (status, is_written, False)
    assert f"The ledger {TABLE} in {PRIMARY} cannot be read" in ran.err


@pytest.mark.parametrize("many", [1, 2, 3, 8, 31, 366])
def test_the_time_axis_names_each_of_some_days_once(many: int) -> None:
    first = date(2026, 1, 5)
    days = [
        Day(f"{first + timedelta(days=one)}", "known", {"protected": 1, "eligible": 2, "primaries": 2})
        for one in range(many)
    ]
    from cli.report import charts  # Altair takes a while

    labels = re.findall(r">(\d+ [A-Z][a-z]{2})<", charts.coverage(days))
    assert len(labels) == len(set(labels)) == -(-many // -(-many // 7))
    assert labels[0] == "5 Jan"


# Forms


def test_spans_and_quantiles() -> None:
    assert [span(one) for one in (None, 0, 59, 60, 3900, timedelta(hours=36), timedelta(days=3, hours=4))] == [
        "not known",
        "0 s",
        "59 s",
        "1 min",
        "1 h 5 min",
        "36 h",
        "3 d 4 h",
    ]
    protection = Protection()
    assert protection.quantile(0.5) is None
    protection.seconds.extend([5, 1, 4, 2, 3])
    assert [protection.quantile(part) for part in (0.5, 0.9, 1)] == [3, 5, 5]


def test_the_first_few_of_many_are_the_smallest_and_of_equals_the_first() -> None:
    found = Shown[str](2)
    for key, value in ((3, "c"), (1, "a"), (1, "b"), (2, "d"), (1, "e")):
        found.add(key, value)
    assert (found.first, found.total) == (["a", "b"], 5)
