"""The diagrams of the documents, by the part of Mermaid's language that they use.

Mermaid's own parser needs Node.js and a hundred packages. The flowcharts here use few of its forms, and only these are
accepted. A fault is a line of no such form, a subgraph that is not closed, or a node in an arrow that has no text.
"""

import re

import pytest

from infra.documents import documents

_TEXT = r'(?:\["[^"\n]+"\]|\[\("[^"\n]+"\)\])'
_NODE = rf"[A-Z][A-Z0-9]*{_TEXT}?"
_ARROW = r'(?: -->| -- [\w ,]+ -->| -- "[^"\n]+" -->| -\. "[^"\n]+" \.->)'
FORMS = (
    re.compile(r"flowchart (?:LR|TB|TD)"),
    re.compile(r'subgraph [A-Z]+\["[^"\n]+"\]'),
    re.compile(r"end"),
    re.compile(rf"{_NODE}(?:{_ARROW} {_NODE})*"),
)
STATES = re.compile(r"stateDiagram-v2|(?:\[\*\]|[A-Z_]+) --> [A-Z_]+: [\w ,]+")


def diagrams() -> list[str]:
    return [
        found
        for path in documents()
        for found in re.findall(r"```mermaid\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    ]


@pytest.mark.parametrize("diagram", diagrams(), ids=lambda one: one.split()[0])
def test_a_diagram_is_drawn_as_it_is_meant(diagram: str) -> None:
    assert faults(diagram) == []


def faults(diagram: str) -> list[str]:
    """What Mermaid would refuse, or draw as something else."""
    lines = [line.strip() for line in diagram.splitlines() if line.strip()]
    if lines[0] == "stateDiagram-v2":
        return [line for line in lines if not STATES.fullmatch(line)]
    if not lines[0].startswith("flowchart"):
        return []  # another kind, which this test does not know
    wrong = [line for line in lines if not any(form.fullmatch(line) for form in FORMS)]
    if sum(line.startswith("subgraph") for line in lines) != lines.count("end"):
        wrong.append("a subgraph is not closed")
    bare = "\n".join(re.sub(r' -- "?[^"\n>]+"? -->| -\. "[^"\n]+" \.->', " -->", line) for line in lines[1:])
    named = set(re.findall(rf"\b([A-Z][A-Z0-9]*){_TEXT}", bare))
    used = set(re.findall(r"\b[A-Z][A-Z0-9]*\b", re.sub(r'"[^"]*"', '""', bare)))
    return wrong + [f"{one} has no text" for one in sorted(used - named)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  end\n", "", "a subgraph is not closed"),
        ('B["b"]', "B", "B has no text"),
        ('-- "x (y)" -->', "-- x (y) -->", 'A["a"] -- x (y) --> B["b"]'),
        ("flowchart LR", "flowchart", "flowchart"),
    ],
)
def test_what_mermaid_refuses_is_found(old: str, new: str, fault: str) -> None:
    good = 'flowchart LR\n  subgraph P["p"]\n    A["a"] -- "x (y)" --> B["b"]\n  end\n  B --> A\n'
    assert faults(good) == []
    assert faults(good.replace(old, new)) == [fault]
