"""`standby report`: write a coverage report to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write. An existing file is replaced.")
    ] = Path("report.html"),
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Also write a PDF. An existing file is replaced.")
    ] = None,
    paper: Annotated[str, typer.Option("--paper", metavar="A4|letter", help="The paper size of the PDF.")] = "A4",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Also write a CSV file for each table, with all rows."),
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Start of the period.")] = "30d",
    until: Annotated[str, typer.Option(metavar="TIME", help="End of the period.")] = "now",
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this directory. Can be given more than once.")
    ] = None,
    redact: Annotated[
        bool,
        typer.Option("--redact", help="Replace people's names with pseudonyms, and leave out text that people wrote."),
    ] = False,
    redact_key: Annotated[
        Path,
        typer.Option(
            "--redact-key", metavar="FILE", help="The secret key of the pseudonyms. Created if it does not exist."
        ),
    ] = Path("standby-redact.key"),
) -> Status:
    """Write a coverage report for auditors, a board or an insurer. One HTML file, for screen and paper.

    \b
    Examples
      standby report --out report.html
      standby report --out report.html --pdf report.pdf --since 90d
      standby report --out report.html --data report-data
      standby report --redact --out for-the-auditor.html
      standby report --output json --query answer

    The report needs no network and contains no scripts. Its answer describes the present; --since and --until limit
    coverage over time, changes, and the time to protection. The exit status is 4 if something could not be read; the
    report lists what is missing. Uncovered desktops do not change the exit status: `standby status` exits with 1 if
    something needs action.
    """
    from cli.times import moment

    try:
        from cli.report.making import Wanted, make
        from cli.report.pdf import Paper
    except ModuleNotFoundError as missing:
        words = f"`standby report` needs Python packages that are not installed: {missing.name} is missing."
        fix = "Install them: pip install --require-hashes --requirement cli/report/requirements.txt"
        raise Problem("NotInstalled", words, fix) from None
    papers = {str(one).casefold(): one for one in Paper}
    if paper.casefold() not in papers:
        raise Problem("NoSuchPaper", f"Paper size {paper} is not supported.", "Write --paper A4 or --paper letter.")
    wanted = Wanted(
        out=out,
        since=moment(since, run.now),
        until=moment(until, run.now, end=True),
        pdf=pdf,
        data=data,
        directories=directory or (),
        key=redact_key if redact else None,
        paper=papers[paper.casefold()],
    )
    return make(run, wanted)
