"""The csv files beside a report: one for each table, with all rows, written while they are read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from cli.answers import cell
from cli.problems import Problem


@dataclass
class Sheets:
    """Writes the files into a folder; without a folder, it writes nothing.

    A file gets its name when it is complete: `finish`.
    """

    folder: Path | None
    counts: dict[str, int] = field(default_factory=dict)
    _open: dict[str, tuple[TextIO, Any, Sequence[str]]] = field(default_factory=dict)

    def begin(self, name: str, columns: Sequence[str]) -> None:
        """Begin a file with its headings; Problem if it cannot be written."""
        if self.folder is None or name in self._open:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self._unfinished(name).open("w", encoding="utf-8", newline="")
        except OSError as problem:
            words = f"{self.folder} cannot be written: {problem.strerror}."
            raise Problem("NoFolder", words, "Name a folder with --data that you can write to.") from None
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        self.counts[name] = 0
        self._open[name] = file, writer, columns

    def write(self, name: str, row: Mapping[str, Any]) -> None:
        """Write a row of a file that has begun."""
        if self.folder is not None:
            _, writer, columns = self._open[name]
            writer.writerow(cell(row.get(column)) for column in columns)
            self.counts[name] += 1

    def whole(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a file with some rows."""
        self.begin(name, columns)
        for row in rows:
            self.write(name, row)

    def finish(self) -> list[Path]:
        """Give all files their names, and list them."""
        done = []
        for name, (file, *_) in self._open.items():
            file.close()
            done.append(self._unfinished(name).replace(self._path(name)))
        self._open.clear()
        return sorted(done)

    def give_up(self, *names: str) -> None:
        """Remove some files that are not finished, or all of them."""
        for name in names or tuple(self._open):
            if name in self._open:
                self._open.pop(name)[0].close()
                self.counts.pop(name)
                with suppress(OSError):
                    self._unfinished(name).unlink()

    def _path(self, name: str) -> Path:
        return (self.folder or Path()) / f"{name}.csv"

    def _unfinished(self, name: str) -> Path:
        return (self.folder or Path()) / f".{name}.csv.part"
