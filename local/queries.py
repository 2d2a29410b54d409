"""Commands as the documents print them: what a person copies is what the tests run.

An audit query stands in a fenced block under a comment ``<!-- query: name -->``. It is an `aws dynamodb query` command,
or a shell loop `for NAME in VALUES; do … done` around one.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/**/*.md")
QUERIES = ROOT / "docs" / "queries.md"
_BLOCK = re.compile(r"<!-- query: (?P<name>[a-z-]+) -->\n+```\w*\n(?P<command>.*?)```", re.DOTALL)
_LOOP = re.compile(r"^for (?P<name>\w+) in (?P<values>[^;]+); do\s*(?P<body>.*?);?\s*done;?\s*$", re.DOTALL)


class NotAQueryError(ValueError):
    """A block of a document is not a command that can be run here."""


@dataclass(frozen=True)
class Query:
    """One of the document's queries."""

    name: str
    command: str

    def run(self, dynamodb: Any, replaced: Mapping[str, str]) -> list[Any]:
        """Run it with a boto3 client of DynamoDB, and return the rows it prints.

        Parameters
        ----------
        replaced
            What in the command is the reader's to replace, and by what: a table's name, a user, a day.
        """
        command = _replaced(self.command, replaced)
        return [row for each in _unrolled(command) for row in _run(dynamodb, each)]


def audit_queries(document: Path = QUERIES) -> list[Query]:
    """Return the queries of a document, in its order."""
    found = _BLOCK.finditer(document.read_text(encoding="utf-8"))
    return [Query(block["name"], block["command"].strip()) for block in found]


def printed_command(name: str) -> list[str]:
    """Return the words of the command that stands under ``<!-- command: name -->`` in one of the documents.

    Raises
    ------
    NotAQueryError
        There is none, or there are two.
    """
    block = re.compile(rf"<!-- command: {name} -->\n+```\w*\n(.*?)```", re.DOTALL)
    texts = [file.read_text(encoding="utf-8") for pattern in DOCUMENTS for file in ROOT.glob(pattern)]
    found = [command for text in texts for command in block.findall(text)]
    if len(found) != 1:
        raise NotAQueryError(f"the documents have {len(found)} commands {name}")
    return shlex.split(found[0].replace("\\\n", " "))


def printed_payload(name: str) -> dict[str, Any]:
    """Return what the commands that stand under ``<!-- command: name -->`` send to protect: what they echo into a file.

    Raises
    ------
    NotAQueryError
        There are none, or they send nothing.
    """
    words = printed_command(name)
    if words[0] != "echo" or words[2] != ">":
        raise NotAQueryError(f"no call of protect: {shlex.join(words)}")
    found: dict[str, Any] = json.loads(words[1])
    return found


def _replaced(text: str, replaced: Mapping[str, str]) -> str:
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


def _unrolled(command: str) -> Iterator[str]:
    loop = _LOOP.match(command.strip())
    if loop is None:
        yield command
        return
    for value in loop["values"].split():
        yield from _unrolled(loop["body"].strip().replace(f"${loop['name']}", value))


def _run(dynamodb: Any, command: str) -> Iterator[Any]:
    words = shlex.split(command.replace("\\\n", " "))
    if words[:3] != ["aws", "dynamodb", "query"]:
        raise NotAQueryError(f"no query of the AWS CLI for DynamoDB: {command}")
    options = dict(zip(words[3::2], words[4::2], strict=True))
    arguments: dict[str, Any] = {
        "TableName": options.pop("--table-name"),
        "KeyConditionExpression": options.pop("--key-condition-expression"),
        "ExpressionAttributeValues": json.loads(options.pop("--expression-attribute-values")),
    }
    for option, member in (("--index-name", "IndexName"), ("--filter-expression", "FilterExpression")):
        if value := options.pop(option, None):
            arguments[member] = value
    shown = options.pop("--query")
    options.pop("--output")
    options.pop("--region", None)
    if options:
        raise NotAQueryError(f"options that are not known here: {', '.join(options)}")
    for page in dynamodb.get_paginator("query").paginate(**arguments):
        yield from jmespath.search(shown, page)
