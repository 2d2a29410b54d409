"""`standby-local`: simulate events in the embedded cloud that `make local` runs."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from local import running
from local.notices import one_line
from local.world_client import ControlError, WorldClient

HELP = """Simulate events in the embedded cloud that `make local` runs.

\b
Examples
  standby-local sweep                   run a sweep now, and wait for its end
  standby-local create user001 user002  create desktops
  standby-local fail alice              let the standby of alice end in ERROR
  standby-local outage us-east-1        lose a Region; --end restores it
  standby-local time +2h                advance the time by two hours
  standby-local notices --follow        show the notices that are sent
"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"\+?(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd])")

app = typer.Typer(
    name="standby-local",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
File = Annotated[Path, typer.Option("--file", help="The file that describes the cloud.")]
End = Annotated[bool, typer.Option("--end", help="End the fault.")]


class WrongUseError(Exception):
    """An argument is wrong; the message says what is valid."""


@app.command()
def sweep(file: File = running.DEFAULT) -> None:
    """Run a sweep now, and wait for its end."""
    from local.sweeping import sweep as sweep_now

    described = running.find(file)
    for stack, outputs in described["outputs"].items():
        if machine := outputs.get("SweepStateMachineArn"):
            began = time.monotonic()
            client = _client(described, "stepfunctions", machine.split(":")[3])
            outcome = sweep_now(client, machine, time.sleep, at_most=600)
            print(f"{stack}: {outcome}, in {time.monotonic() - began:.1f} s.")


@app.command()
def create(
    users: Annotated[list[str], typer.Argument(help="The users. New users are added to both directories.")],
    directory: Annotated[str, typer.Option(help="The directory in the primary Region. Default: the first.")] = "",
    bundle: Annotated[str, typer.Option(help="The bundle.")] = "wsb-windowsstandard",
    file: File = running.DEFAULT,
) -> None:
    """Create desktops, as an administrator would."""
    described = running.find(file)
    dr_directories = {one: other for pairs in described["directories"].values() for one, other in pairs.items()}
    where = directory or next(iter(dr_directories))
    if where not in dr_directories:
        raise WrongUseError(f"There is no directory {where}. The directories are: {', '.join(dr_directories)}.")
    world = WorldClient(described["control_url"])
    world.add_directory(described["region"], where, users)
    world.add_directory(described["dr_region"], dr_directories[where], users)
    client = _client(described, "workspaces", described["region"])
    refused = False
    for start in range(0, len(users), 25):
        order = [{"DirectoryId": where, "UserName": one, "BundleId": bundle} for one in users[start : start + 25]]
        answer = client.create_workspaces(Workspaces=order)
        for made in answer["PendingRequests"]:
            print(f"{made['WorkspaceId']}  {made['UserName']}")
        for failed in answer["FailedRequests"]:
            refused = True
            _say(f"{failed['WorkspaceRequest']['UserName']}: {failed['ErrorCode']}: {failed['ErrorMessage']}")
    if refused:
        raise typer.Exit(1)


@app.command()
def fail(
    user: Annotated[str, typer.Argument(help="The user.")], end: End = False, file: File = running.DEFAULT
) -> None:
    """Let the standbys of a user end in ERROR."""
    world = WorldClient(running.find(file)["control_url"])
    if end:
        world.spare_standby_of(user)
        print(f"New standbys of {user} become AVAILABLE. A standby that is in ERROR remains in ERROR.")
    else:
        world.fail_standby_of(user)
        print(f"All standbys of {user} that are PENDING, or created from now on, end in ERROR.")


@app.command()
def outage(
    region: Annotated[str, typer.Argument(help="The Region, for example us-east-1.")],
    end: End = False,
    silent: Annotated[
        bool, typer.Option("--silent", help="Never answer, so that callers time out. Default: refuse connections.")
    ] = False,
    file: File = running.DEFAULT,
) -> None:
    """Simulate the loss of a Region, or end it.

    In a lost Region, no service answers, no function runs, and nothing is delivered or replicated.
    """
    described = running.find(file)
    regions = [described["region"], described["dr_region"]]
    if region not in regions:
        raise WrongUseError(f"There is no Region {region} here. The Regions are: {' and '.join(regions)}.")
    world = WorldClient(described["control_url"])
    if not end:
        world.lose(region, silent=silent)
        print(f"{region} does not answer now. To restore it: standby-local outage {region} --end")
    elif region in world.outages():
        world.bring_back(region)
        print(f"{region} answers again. Delayed functions and deliveries run now.")
    else:
        print(f"{region} is not lost.")


@app.command(name="time")
def let_time_pass(
    amount: Annotated[str, typer.Argument(help="The time, e.g. +90s, +30m, +2h or +1d.")], file: File = running.DEFAULT
) -> None:
    """Advance the time of the WorkSpaces.

    Desktops start and stop, and data copies and last connections become older. The clock and the schedules of the
    product do not change. Run `standby-local sweep` so that the product sees the changes.
    """
    found = _TIME.fullmatch(amount)
    if found is None:
        raise WrongUseError(f"{amount} is not a valid time. Write, for example, +90s, +30m, +2h or +1d.")
    world = WorldClient(running.find(file)["control_url"])
    world.advance(float(found["number"]) * _UNITS[found["unit"]])
    print(
        f"The time of all WorkSpaces was advanced by {amount.removeprefix('+')}. The product's clock was not: a new"
        " desktop is still first checked after the real first_look_minutes."
    )


@app.command()
def notices(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new notices until Ctrl-C.")] = False,
    file: File = running.DEFAULT,
) -> None:
    """Show the notices that were sent."""
    world = WorldClient(running.find(file)["control_url"])
    seen = 0
    while True:
        for notice in world.notices(seen):
            print(one_line(notice), flush=True)
            seen = notice["number"]
        if not follow:
            break
        time.sleep(1)
    if seen == 0:
        _say("No notice was sent yet.")


@app.command()
def confirm(file: File = running.DEFAULT) -> None:
    """Confirm all pending e-mail subscriptions.

    In AWS, a recipient confirms with the link in the first e-mail. Until then, a subscription is pending.
    """
    confirmed = WorldClient(running.find(file)["control_url"]).confirm()
    print(f"Confirmed: {', '.join(confirmed)}." if confirmed else "No subscription is pending.")


@app.command()
def status(file: File = running.DEFAULT) -> None:
    """Show the state of the embedded cloud."""
    described = running.find(file)
    world = WorldClient(described["control_url"])
    found, lost = world.snapshot(), world.outages()
    print(f"Endpoint   {described['endpoint']} (process {described['pid']})")
    for region in (described["region"], described["dr_region"]):
        primaries = sum(one["region"] == region for one in found["primaries"])
        standbys = sum(one["region"] == region for one in found["standbys"])
        state = ("silent" if lost[region] else "lost") if region in lost else "in service"
        print(f"{region:10} {state}: WorkSpaces {primaries}, standbys {standbys}")
    print(f"Duplicates {len(found['duplicates'])}")
    print(f"Notices    {len(world.notices())}")
    print(f"Faults     {len(world.faults())}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit status. Expected errors become messages."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

    from local.sweeping import SweepFailedError

    failures = (running.NotRunningError, ControlError, SweepFailedError, ClientError, BotoCoreError, OSError)
    try:
        status = app(args=arguments, prog_name="standby-local", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as wrong:
        _say(f"{wrong.format_message()}\nSee: standby-local --help")
        return 2
    except WrongUseError as wrong:
        _say(str(wrong))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except (EndpointConnectionError, HTTPClientError) as lost:
        _say(f"{lost}\nA Region may be lost. See: standby-local status")
        return 1
    except failures as error:
        _say(str(error))
        return 1
    return int(status or 0)


def _client(described: dict[str, Any], service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,  # type: ignore[call-overload] # any service
        region_name=region,
        endpoint_url=described["endpoint"],
        config=Config(proxies={}, retries={"total_max_attempts": 3}),
        **described["credentials"],
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
