"""The commands, each in a module with `work`: what it does, its own options, and its help with examples first."""

# Name of the command: its module here. In the order in which --help has them.
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
