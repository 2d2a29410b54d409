"""`standby schema`: print the JSON Schema of the configuration file."""

from __future__ import annotations

import sys

from cli.problems import Problem, Status
from cli.running import Run


def work(run: Run) -> Status:
    """Print the JSON Schema of the configuration file, for editors.

    \b
    Examples
      standby schema > standby.schema.json
      standby schema --output json --query required
    """
    import json

    from cli.answers import selected
    from cli.options import Output
    from infra.config import json_schema

    schema = json_schema()
    if run.options.output is Output.CSV:
        raise Problem("NoCsv", "The schema is not available as CSV.", "Leave out --output csv: the schema is JSON.")
    if run.options.query is not None:
        schema = json.dumps(selected(run.options.query, json.loads(schema)), indent=2, ensure_ascii=False) + "\n"
    sys.stdout.write(schema)
    return Status.GOOD
