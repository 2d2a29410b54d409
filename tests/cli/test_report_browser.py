"""The report in headless Chromium: no error, nothing that axe-core finds, nothing too wide, no table cut in print.

These tests need Chromium and its driver. Where there is none they are skipped, and say so; CI installs both.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_core_python
import pytest

from tests.cli.chromium import BROWSER, DRIVER, MISSING, show, started
from tests.cli.handed_over import SINCE, Made
from tests.cli.lived import HOSTILE, STAFF
from tests.cli.pages import read_pdf

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
LONG = "\N{RIGHT-TO-LEFT OVERRIDE}<img src=x onerror=alert(1)>" + "W" * 200
# Millimetres of a page without its margins, in CSS pixels.
PAPERS = {"A4": (210 - 30) * 96 / 25.4, "letter": (215.9 - 30) * 96 / 25.4}

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason=MISSING,
)


@pytest.fixture(scope="module")
def chrome(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser that shows a report of the story with a hundred more gaps, some of them with hostile names."""
    folder, one = tmp_path_factory.mktemp("browser"), made.lived
    row, names = one.stage.item(one.of(STAFF[20]), "STATE"), (*HOSTILE, LONG, "ordinary")
    for number in range(100):
        one.stage.table.put(row | {"pk": f"ws-clone{number:05}", "user_name": names[number % len(names)]})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ran = one.stage.standby(f"report --out report.html --since {SINCE}")
        assert ran.status == 4, ran.err
    with started(folder / "profile") as browser:
        browser.get((folder / "report.html").as_uri())
        yield browser


def said(chrome: Any) -> list[Any]:
    """What the console has said since this was last asked."""
    found: list[Any] = chrome.get_log("browser")
    return found


def test_it_shows_without_an_error(chrome: Chrome) -> None:
    show(chrome, 1400)
    chrome.refresh()
    assert said(chrome) == []
    assert chrome.title.startswith("Standby report: Standby-us-east-1-us-west-2")
    assert chrome.execute_script("return document.scripts.length") == 0


# In the dark only colours differ, and on a phone only the layout.
@pytest.mark.parametrize(("width", "scheme", "rules"), [(1400, "light", []), (360, "dark", ["color-contrast"])])
def test_axe_finds_nothing(chrome: Chrome, width: int, scheme: str, rules: list[str]) -> None:
    show(chrome, width, scheme)
    chrome.execute_script(AXE.read_text(encoding="utf-8"))
    # Rules about colours, headings, tables and language: all rules, if none is named.
    found = chrome.execute_async_script(
        "const [rules, done] = arguments;"
        "const options = {resultTypes: ['violations'], ...(rules.length ? {runOnly: rules} : {})};"
        "axe.run(document, options).then(r => done(r.violations), e => done([{id: String(e)}]))",
        rules,
    )
    assert [(one["id"], [node["html"][:120] for node in one.get("nodes", [])][:3]) for one in found] == []


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_overflows_but_within_a_box_of_its_own(chrome: Chrome, width: int) -> None:
    show(chrome, width)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
    out = chrome.execute_script(
        "return [...document.querySelectorAll('body *')].filter(one => !one.closest('.box') && !one.closest('svg') &&"
        " one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
    )
    assert out == []
    if width == 360:  # wide tables are cards there
        wide = "return [...document.querySelectorAll('table.wide')].filter(one => one.scrollWidth > 360).length"
        assert chrome.execute_script(wide) == 0


@pytest.mark.parametrize("paper", PAPERS)
def test_in_print_no_table_is_cut(chrome: Chrome, paper: str) -> None:
    show(chrome, int(PAPERS[paper]), media="print")
    cut = chrome.execute_script(
        "return [...document.querySelectorAll('table, th, td')].filter(one =>"
        " one.getBoundingClientRect().right > innerWidth + 1 || one.scrollWidth > one.clientWidth + 1)"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    assert cut == []


def test_in_print_headings_are_repeated_on_each_page_of_a_table(chrome: Chrome) -> None:
    how = {"preferCSSPageSize": True, "printBackground": False, "pageRanges": "4-7"}
    printed = chrome.execute_cdp_cmd("Page.printToPDF", how)
    pages = [one.extract_text() for one in read_pdf(io.BytesIO(base64.b64decode(printed["data"]))).pages]
    of_gaps = [one for one in pages if one.count("OPERATING_SYSTEM") > 5]
    assert len(of_gaps) >= 2
    assert all("What to do" in one for one in of_gaps)


def test_a_hostile_name_is_shown_as_text(chrome: Chrome) -> None:
    show(chrome, 1400)
    shown: Any = chrome.execute_script("return [...document.querySelectorAll('td.name')].map(one => one.innerText)")
    assert any(one.startswith("[U+202E]<img src=x onerror=alert(1)>WWW") for one in shown)
    assert any(one.startswith("<script>alert(1)</script>") for one in shown)
    assert chrome.execute_script("return document.images.length") == 0
