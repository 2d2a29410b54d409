"""The fleet that `make local` comes with, as the product finds it."""

from collections import Counter
from pathlib import Path

from local import practice_account
from local.cloud import Cloud
from local.place import describe
from local.practice import main
from local.running import write
from tests.e2e.conftest import AWAY, DR, HOME, PRIMARY, STACK

PAIR = {"stack": STACK, "primary_region": PRIMARY, "dr_region": DR, "directories": {HOME: {"dr_directory": AWAY}}}


def test_the_existing_fleet_is_reported_and_a_sweep_finds_the_orphan(assembly: Path, tmp_path: Path) -> None:
    with Cloud.start(boot_seconds=0, standby_boot_seconds=0, terminate_seconds=0, calls_per_second=20) as cloud:
        practice_account.add_directories(cloud, [PAIR])
        practice_account.furnish(cloud, PAIR)
        practice_account.create_fleet(cloud, PAIR)
        outputs = cloud.deploy(assembly)
        practice_account.let_it_be_reported(cloud, PAIR, outputs)
        file = tmp_path / "local.json"
        write(file, describe(cloud, [PAIR], outputs))
        table = cloud.client("dynamodb", PRIMARY)

        def rows() -> dict[str, dict[str, str]]:
            items = table.scan(TableName=outputs[STACK]["LedgerTableName"])["Items"]
            states = [one for one in items if one["sk"]["S"] == "STATE"]
            read = ("status", "reason_code")
            return {one["user_name"]["S"]: {name: one[name]["S"] for name in read} for one in states}

        for _ in range(4):  # nothing is concluded of one look
            assert main(["sweep", "--file", str(file)]) == 0
            if rows()["olivia"]["status"] == "PRIMARY_GONE":
                break
        found = rows()
        assert Counter(row["status"] for row in found.values()) == {
            "REPORTED": 17,
            "INELIGIBLE": 3,
            "EXCLUDED": 1,
            "PRIMARY_GONE": 1,
        }
        others = ("rupert", "sybil", "[UNDEFINED]", "svc-backup", "olivia")
        assert [found[user]["reason_code"] for user in others] == [
            "OPERATING_SYSTEM",
            "NO_DR_KEY",
            "NO_USER",
            "EXCLUDED_BY_RULE",
            "ORPHANED",
        ]
        assert any("FLEET_FOUND" in one["subject"] for one in cloud.world.notices())
