"""Tags of WorkSpaces, as the functions read them: 100 WorkSpaces a call of the Resource Groups Tagging API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from standby.aws.call import Pacer
from standby.aws.others import TagReader

if TYPE_CHECKING:
    from cli.pairs import Pair
    from cli.running import Run
    from standby.core.settings import Settings
    from standby.telemetry import PowertoolsTelemetry


class Problems:
    """What could not be read, in sentences, each once: in place of the functions' telemetry."""

    def __init__(self) -> None:
        self.said: dict[str, None] = {}

    def problem(self, message: str, **_: object) -> None:
        """Note it."""
        self.said[message] = None


def reader(run: Run, pair: Pair, region: str, settings: Settings, problems: Problems) -> TagReader:
    """Reads the tags of WorkSpaces of one of the pair's Regions."""
    account = pair.account or run.aws.caller.split(":")[4]
    partition = run.aws.session.get_partition_for_region(region)
    prefix = f"arn:{partition}:workspaces:{region}:{account}:workspace/"
    client: Any = run.aws.client("resourcegroupstaggingapi", region)
    telemetry = cast("PowertoolsTelemetry", problems)
    return TagReader(client, prefix, settings, Pacer(run.clock, 1.0, 4), lambda: True, telemetry)
