"""The commands. Each module has a function `work`: its parameters are the options, its docstring is the help text."""

# The name of each command, and its module here, in the order of --help.
COMMANDS = {
    "status": "status",
    "list": "list_rows",
    "show": "show",
    "explain": "explain",
    "audit": "audit",
    "report": "report",
    "plan": "plan",
    "accept": "accept",
    "protect": "protect",
    "retry": "retry",
    "pause": "pause",
    "resume": "resume",
    "orphans": "orphans",
    "keep": "keep",
    "failover-list": "failover_list",
    "runbook": "runbook",
    "doctor": "doctor",
    "diff": "diff",
    "redrive": "redrive",
    "init": "init",
    "check": "check",
    "schema": "schema",
}
