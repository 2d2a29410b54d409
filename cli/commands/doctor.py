"""`standby doctor`: check that everything is in place, before and after deployment."""

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
        typer.Option("--only", metavar="GROUP", help="Only this group of checks. Can be given more than once."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every finding, not only problems and warnings.")
    ] = False,
    nameserver: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="The name server to query. Default: this machine's name server."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Save the result in the ledger, for `standby report`.")] = False,
    reason: ReasonText = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the IAM policy that this command needs, and exit.")
    ] = False,
) -> Status:
    """Check the configuration, both Regions and the deployment. Run it before and after deployment, and nightly.

    \b
    Examples
      standby doctor
      standby doctor --only directories --only redirection -v
      standby doctor --output json --query "findings[?status=='problem']"
      standby doctor --policy > policy.json
      standby doctor --keep --reason nightly

    The command only reads. With --keep, the protect function then saves in the ledger how many findings each check has
    with each status, and your identity; this needs the operator policy. The groups are credentials, directories,
    redirection, keys, quotas, bundles, trails and deployment. With a configuration file, the command works before
    anything is deployed. Without one, it reads the directories from the ledger. It calls WorkSpaces once a second in
    each Region.

    The exit status is 1 if there is a problem, and 4 if something could not be read. A warning does not change the exit
    status, and neither does a fact that AWS does not show to anyone.
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
        next="`standby status` shows the coverage.",
    )
    if answer.missing:
        answer.next = "resolve what could not be read, then run `standby doctor` again."
    elif has_problem:
        answer.next = "run the commands above, then run `standby doctor` again."
    return run.give(answer)
