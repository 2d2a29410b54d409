"""`standby report`: the answer to "are we covered?" as a file to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.problems import Problem, Status
from cli.running import Run


def work(
    run: Run,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the report goes. An existing file is replaced.")
    ] = Path("report.html"),
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Also as PDF. An existing file is replaced.")
    ] = None,
    paper: Annotated[str, typer.Option("--paper", metavar="A4|letter", help="What the PDF is printed on.")] = "A4",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Also a csv file of every table, with all rows.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="The period: from then on.")] = "30d",
    until: Annotated[str, typer.Option(metavar="TIME", help="The period: up to then.")] = "now",
    directory: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only of this directory. Can be given more than once.")
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Pseudonyms instead of people's names, and no text that people wrote.")
    ] = False,
    redact_key: Annotated[
        Path, typer.Option("--redact-key", metavar="FILE", help="The pseudonyms' secret key; made if it is not there.")
    ] = Path("standby-redact.key"),
) -> Status:
    """Make a report to hand over: to auditors, a board, an insurer. One file, for screen and paper.

    \b
    Examples
      standby report --out report.html
      standby report --out report.html --pdf report.pdf --since 90d
      standby report --out report.html --data report-data
      standby report --redact --out for-the-auditor.html
      standby report --output json --query answer

    The report needs no network and has no script. Its answer is as of now; --since and --until bound coverage over
    time, changes, and the time to protection. The exit status is 4 if something could not be seen: the report says
    what. Gaps do not change it: `standby status` exits with 1 where a person has to act.
    """
    from cli.times import moment

    try:
        from cli.report.making import Wanted, make
        from cli.report.pdf import Paper
    except ModuleNotFoundError as missing:
        words = f"`standby report` needs packages that are not installed: {missing.name} is missing."
        fix = "Install them: pip install --require-hashes --requirement cli/report/requirements.txt"
        raise Problem("NotInstalled", words, fix) from None
    papers = {str(one).casefold(): one for one in Paper}
    if paper.casefold() not in papers:
        raise Problem("NoSuchPaper", f"There is no paper {paper}.", "Write --paper A4 or --paper letter.")
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
