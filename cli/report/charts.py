"""Charts, as SVG within the page: no script, the same bytes for the same figures, legible without colour.

Altair makes the specification and vl-convert the SVG, offline. Vega describes every mark to assistive technology. One
title and one description of the whole chart replace that: the caption has the same content, and so has a table. In dark
mode, the page's style replaces the colours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree

import altair as alt
import vl_convert

from cli.report.figures import Day, Verdict
from standby.core.coverage import MOST_HOURS

# A phone shows a chart at 70 % of its size: its text has to be legible there, too.
_WIDTH: Final = 460
# Dark, pale and middle: they also differ in print without colour. The page's style refers to these values.
INK, PALE, MIDDLE, LINE, TEXT = "#1d4f7c", "#cfc9bb", "#b0563c", "#8a8a8a", "#33383d"
_COLOURS: Final = {Verdict.WORK: INK, Verdict.UNKNOWN: PALE, Verdict.NOTHING: MIDDLE}
_MOST_TICKS: Final = 7
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_AXIS: Final[dict[str, Any]] = {
    "labelColor": TEXT,
    "titleColor": TEXT,
    "labelFontSize": 13,
    "titleFontSize": 13,
    "titleFontWeight": "normal",
    "domainColor": LINE,
    "tickColor": LINE,
    "gridColor": "#e3e0d8",
}


def people(counts: Counter[Verdict]) -> str:
    """How many people could work, have nothing, and are not known: one bar."""
    total, at, rows = counts.total(), 0, []
    for verdict in Verdict:
        many = counts[verdict]
        share = many / total
        label = f"{many:,}" if share >= 0.06 else ""
        rows.append({"what": str(verdict), "from": at, "to": at + many, "label": label, "middle": at + many / 2})
        at += many
    data = _data(rows)
    what = alt.Color(
        "what:N",
        scale=alt.Scale(domain=[str(one) for one in Verdict], range=[_COLOURS[one] for one in Verdict]),
        legend=alt.Legend(
            orient="bottom", title=None, columnPadding=22, labelColor=TEXT, labelFontSize=13, symbolType="square"
        ),
    )
    x = alt.X("from:Q", scale=alt.Scale(domain=[0, total], nice=False), axis=None)
    bar = alt.Chart(data).mark_bar(stroke="#ffffff", strokeWidth=1.5, height=44).encode(x=x, x2="to:Q", color=what)
    # White text is not legible on the pale part.
    on_pale = alt.condition(f"datum.what === '{Verdict.UNKNOWN}'", alt.value("#1a1a1a"), alt.value("#fffffe"))
    label = (
        alt.Chart(data)
        .mark_text(fontSize=15, fontWeight="bold")
        .encode(x=alt.X("middle:Q"), text="label:N", color=on_pale)
    )
    return _svg(
        "people",
        alt.layer(bar, label),
        48,
        "How many people could work",
        _listed((str(one), counts[one]) for one in Verdict),
    )


def coverage(days: Sequence[Day]) -> str:
    """Coverage of eligible and of all desktops by day. Days that are not known are bands without a line."""
    rows: list[dict[str, Any]] = []
    bands: list[dict[str, Any]] = []
    run = 0
    previous = False
    for day in days:
        known = day.is_known and day.percent is not None
        run += known and not previous
        previous = known
        if known:
            for of, value in (("eligible", day.percent), ("all", day.percent_of_all)):
                rows.append({"day": f"{day.day}T12:00:00Z", "percent": value, "of": of, "run": run, "state": day.state})
        elif not day.is_known:
            end = (date.fromisoformat(day.day) + timedelta(days=1)).isoformat()
            bands.append({"day": day.day, "end": end})
    sizes = Counter(row["run"] for row in rows)
    lone = [row for row in rows if sizes[row["run"]] == 2 or row["state"] == "partial"]
    lowest = min(row["percent"] for row in rows)
    floor = 0 if lowest < 50 else min(int(lowest // 10 * 10), 90)
    x = alt.X(
        "day:T",
        scale=alt.Scale(
            type="utc", domain=[days[0].day, (date.fromisoformat(days[-1].day) + timedelta(days=1)).isoformat()]
        ),
        axis=alt.Axis(title=None, values=_ticks(days), labelOverlap=True, grid=False, format="%-d %b"),
    )
    y = alt.Y(
        "percent:Q",
        scale=alt.Scale(domain=[floor, 100]),
        axis=alt.Axis(title=None, tickCount=5, labelExpr="datum.label + ' %'"),
    )
    dash = alt.StrokeDash("of:N", scale=alt.Scale(domain=["eligible", "all"], range=[[1, 0], [5, 3]]), legend=None)
    colour = alt.Color("of:N", scale=alt.Scale(domain=["eligible", "all"], range=[INK, MIDDLE]), legend=None)
    layers = []
    if bands:
        layers.append(alt.Chart(_data(bands)).mark_rect(color=PALE, opacity=0.7).encode(x=x, x2="end:T"))
    lines = alt.Chart(_data(rows)).mark_line(strokeWidth=2)
    layers.append(lines.encode(x=x, y=y, strokeDash=dash, color=colour, detail="run:N"))
    if lone:
        points = alt.Chart(_data(lone)).mark_point(size=40, strokeWidth=2)
        # The point of today, which is partial, is hollow.
        fill = alt.condition("datum.state === 'partial'", alt.value("#ffffff"), alt.value(LINE))
        layers.append(points.encode(x=x, y=y, stroke=colour, fill=fill))
    words = (
        f"By day from {days[0].day} to {days[-1].day}. The vertical axis begins at {floor} per cent. Solid line: of"
        " eligible desktops. Dashed line: of all desktops. Bands: not known."
    )
    return _svg("coverage", alt.layer(*layers), 190, "Coverage over time", words)


def _ticks(days: Sequence[Day]) -> list[Any]:
    """The noons of some days, evenly spaced: each day has one label at most, however short the period."""
    noons = [datetime.fromisoformat(f"{day.day}T12:00:00") for day in days[:: -(-len(days) // _MOST_TICKS)]]
    return [alt.DateTime(year=one.year, month=one.month, date=one.day, hours=12, utc=True) for one in noons]


def ages(by_hours: Mapping[int, int], rpo_hours: float | None) -> str:
    """The number of copies by age in hours."""
    rows = [{"from": hours, "to": hours + 1, "copies": many, "none": 0} for hours, many in sorted(by_hours.items())]
    most = max(max(by_hours) + 2, 25)
    if rpo_hours is not None and rpo_hours <= MOST_HOURS:
        most = max(most, int(rpo_hours) + 2)
    x = alt.X(
        "from:Q",
        scale=alt.Scale(domain=[0, most], nice=False),
        axis=alt.Axis(title="age in hours", grid=False, tickMinStep=1),
    )
    y = alt.Y(
        "copies:Q",
        axis=alt.Axis(title="copies", tickMinStep=1, tickCount=4, titleAngle=0, titleAlign="left", titleY=-8),
    )
    layers = [
        alt.Chart(_data(rows))
        .mark_bar(color=INK, stroke="#ffffff", strokeWidth=0.5)
        .encode(x=x, x2="to:Q", y=y, y2="none:Q")
    ]
    if rpo_hours is not None and rpo_hours <= most:
        line = [{"at": rpo_hours, "label": f"RPO {rpo_hours:g} h"}]
        rule = alt.Chart(_data(line)).mark_rule(color=MIDDLE, strokeWidth=2, strokeDash=[5, 3])
        label = alt.Chart(_data(line)).mark_text(align="right", dx=-5, color=MIDDLE, fontSize=13, baseline="top")
        at = alt.X("at:Q")
        layers += [rule.encode(x=at), label.encode(x=at, y=alt.value(2), text="label:N")]
    words = _listed((f"{hours} h", many) for hours, many in sorted(by_hours.items()))
    return _svg("ages", alt.layer(*layers), 130, "Copies by age in hours", words)


def speeds(listed: Sequence[tuple[str, int]]) -> str:
    """The number of new desktops by the time until they were protected."""
    # A bar of no length would still have an edge in print.
    rows = [{"within": name, "desktops": many, "label": f"{many:,}"} for name, many in listed if many]
    data = _data(rows)
    y = alt.Y(
        "within:N",
        scale=alt.Scale(domain=[name for name, _ in listed]),
        sort=None,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelPadding=6),
    )
    x = alt.X("desktops:Q", axis=None)
    bar = alt.Chart(data).mark_bar(color=INK, height=14).encode(x=x, y=y)
    label = alt.Chart(data).mark_text(align="left", dx=5, fontSize=13, color=TEXT).encode(x=x, y=y, text="label:N")
    return _svg("speeds", alt.layer(bar, label), 22 * len(listed), "Time to protection", _listed(listed))


def _data(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]  # Altair has no types for it


def _listed(pairs: Any) -> str:
    return "; ".join(f"{name}: {many:,}" for name, many in pairs) + "."


def _svg(name: str, chart: Any, height: int, title: str, words: str) -> str:
    styled = chart.properties(width=_WIDTH - 60, height=height, background="transparent")
    config = {"axis": _AXIS, "view": {"stroke": None}, "font": "Arial, Helvetica, sans-serif"}
    spec = styled.to_dict() | {"config": config}
    return _plain(vl_convert.vegalite_to_svg(spec), name, title, words)


def _plain(svg: str, name: str, title: str, words: str) -> str:
    """The SVG with one title and one description, without those of single marks, and with ids of its own."""
    root = ElementTree.fromstring(svg)  # noqa: S314 (it was made here)
    for parent in root.iter():
        for attribute in [one for one in parent.attrib if one.startswith("aria-") or one in ("role", "class")]:
            del parent.attrib[attribute]
        for attribute in ("id", "clip-path", f"{{{_XLINK}}}href", "href"):
            if value := parent.attrib.get(attribute):
                parent.set(attribute, re.sub(r"(^|#)(?=\w)", rf"\g<1>{name}-", value, count=1))
    for attribute in [one for one in root.attrib if one in ("version",)]:
        del root.attrib[attribute]
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-words", "class": "chart"}
    for place, (tag, text) in enumerate((("title", title), ("desc", words))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{'title' if tag == 'title' else 'words'}"})
        element.text = text
        root.insert(place, element)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")
