"""Checks termination protection for `make destroy`: CloudFormation does not delete a stack that has it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.config_file import ConfigurationError, load


def main(arguments: Sequence[str]) -> int:
    """Check the stacks of a configuration; the exit status is 1 if one is protected, and the commands are printed."""
    (file,) = arguments
    try:
        pairs = load(Path(file)).pairs
    except ConfigurationError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    stacks = [(pair.stack_name, pair.primary_region) for pair in pairs]
    stacks += [(pair.dr_stack_name, pair.dr_region) for pair in pairs]
    protected = [(name, region) for name, region in stacks if _is_protected(name, region)]
    if not protected:
        return 0
    sys.stderr.write("Nothing was deleted, because these stacks have termination protection. To turn it off, run:\n\n")
    for name, region in protected:
        command = (
            "aws cloudformation update-termination-protection --no-enable-termination-protection "
            f"--region {region} --stack-name {name}"
        )
        sys.stderr.write(f"{command}\n")
    sys.stderr.write("\nThen run `make destroy` again. The ledger and the standbys are kept.\n")
    return 1


def _is_protected(name: str, region: str) -> bool:
    try:
        stacks = boto3.client("cloudformation", region_name=region).describe_stacks(StackName=name)["Stacks"]
    except (ClientError, BotoCoreError):
        return False  # it is not deployed, or cannot be read: the CDK reports that
    return any(stack.get("EnableTerminationProtection", False) for stack in stacks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
