"""``make pictures``: what docs/report.md shows, of a report of the tests' story, made anew by Chromium."""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.cli.chromium import BROWSER, DRIVER, MISSING, show, started
from tests.cli.lived import lived

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
_COLOURS = 256  # a page has few, and a picture of them is small


def main() -> int:
    """Make them; 1 where there is no Chromium."""
    if not (BROWSER and DRIVER):
        print(MISSING, file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_CONFIG_FILE": os.devnull}
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        lived().stage.standby(f"report --out {page} --since 2026-01-05 --stack Standby-us-east-1-us-west-2")
        with started(Path(folder) / "profile") as chrome:
            chrome.get(page.as_uri())
            show(chrome, 1000)
            _take(chrome, "report-answer", "header", "#answer", most=760)
            _take(chrome, "report-coverage", "#coverage", "#directories")
            _take(chrome, "report-gaps", "#gaps", "#gaps")
            show(chrome, 1000, "dark")
            _take(chrome, "report-dark", "#copies", "#copies", most=620)
            show(chrome, 360)
            _take(chrome, "report-phone", "header", "#answer", most=900)
    return 0


def _take(chrome: Chrome, name: str, first: str, last: str, most: int = 1400) -> None:
    """Take a picture from the top of one element to the end of another, at most so many pixels high."""
    edge = "const one = document.querySelector(arguments[0]).getBoundingClientRect(); return"
    top = chrome.execute_script(f"{edge} one.top + scrollY", first) - 12
    bottom = chrome.execute_script(f"{edge} one.bottom + scrollY", last) + 12
    width = chrome.execute_script("return document.documentElement.clientWidth")
    clip = {"x": 0, "y": max(top, 0), "width": width, "height": min(bottom - top, most), "scale": 1}
    taken = chrome.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    image = (
        Image.open(io.BytesIO(base64.b64decode(taken["data"])))
        .convert("RGB")
        .quantize(_COLOURS, Image.Quantize.MAXCOVERAGE)
    )
    image.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
