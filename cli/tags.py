"""Read tags of WorkSpaces as the functions do: 100 WorkSpaces per call of the Resource Groups Tagging API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from standby.aws.call import Pacer
from standby.aws.others import TagReader
from standby.core.model import Region
from standby.core.settings import Settings

if TYPE_CHECKING:
    from cli.aws import Aws
    from cli.pairs import Pair
    from standby.clock import Clock
    from standby.telemetry import PowertoolsTelemetry


class Problems:
    """Collects what could not be read, each sentence once; takes the place of the functions' telemetry."""

    def __init__(self) -> None:
        self.said: dict[str, None] = {}

    def problem(self, message: str, **_: object) -> None:
        """Add a sentence."""
        self.said[message] = None


def reader(aws: Aws, clock: Clock, pair: Pair, region: str, problems: Problems) -> TagReader:
    """A reader for the tags of WorkSpaces in one Region of the pair."""
    account = pair.account or aws.account_in(region)
    partition = aws.session.get_partition_for_region(region)
    prefix = f"arn:{partition}:workspaces:{region}:{account}:workspace/"
    client: Any = aws.client("resourcegroupstaggingapi", region)
    settings = Settings(stack=pair.stack, primary_region=Region(pair.region), dr_region=Region(pair.dr_region))
    return TagReader(
        client, prefix, settings, Pacer(clock, 1.0, 4), lambda: True, cast("PowertoolsTelemetry", problems)
    )
