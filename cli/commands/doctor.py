"""`standby doctor`: whether everything is in place, before deploying and after."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.changing import ReasonText
from cli.problems import Status
from cli.running import Run


def work(
    run: Run,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="GROUP", help="Only this group of checks. Can be given several times."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show everything, not only what needs attention.")
    ] = False,
    nameserver: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="The name server to ask. Default: that of this machine."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep in the ledger what was found, for `standby report`.")
    ] = False,
    reason: ReasonText = None,
    policy: Annotated[bool, typer.Option("--policy", help="Print the IAM policy that it needs, and exit.")] = False,
) -> Status:
    """Check that the product is in place and healthy. Run it before deploying, after it, and nightly.

    \b
    Examples
      standby doctor
      standby doctor --only directories --only redirection -v
      standby doctor --output json --query "findings[?status=='problem']"
      standby doctor --policy > policy.json
      standby doctor --keep --reason nightly

    It only reads. With --keep, it then lets protect keep how many findings of each check stand how, with your identity:
    that needs the operator's policy. The groups are credentials, directories, redirection, keys, quotas, bundles,
    trails and deployment. With a configuration file it works before anything is deployed. Without one, it reads the
    directories from the ledger. It calls WorkSpaces once a second in each Region.

    The exit status is 1 if there is a problem, and 4 if something could not be seen. A warning does not change it, nor
    does what AWS lets nobody read.
    """
    import json

    from cli.answers import Answer, Table, text
    from cli.doctor import report
    from cli.doctor.asking import policy as rights
    from cli.doctor.examine import chosen, examine
    from cli.doctor.findings import Status as Stands
    from cli.doctor.keeping import keep_findings
    from cli.doctor.redirection import resolver

    if policy:
        print(json.dumps(rights(), indent=2))
        return Status.GOOD
    found = list(examine(run, chosen(only or ()), resolver(nameserver)))
    findings = [one.finding for one in found]
    columns = [text(name) for name in ("stack", "group", "check", "status", "finding", "why", "fix", "commands")]
    has_problem = any(one.status is Stands.PROBLEM for one in findings)
    kept = keep_findings(run, found, reason) if keep else []
    answer = Answer(
        [Table("findings", columns, [one.row for one in found])],
        facts={"counts": report.counts(findings)},
        screen=report.screen(found, verbose=verbose),
        closing=lambda: [report.closing(findings), *kept],
        found=lambda: has_problem,
        missing=report.missing(found),
        next="`standby status` shows whether people are covered.",
    )
    if answer.missing:
        answer.next = "run `standby doctor` again when everything can be seen."
    elif has_problem:
        answer.next = "run the commands above, and `standby doctor` again."
    return run.give(answer)
