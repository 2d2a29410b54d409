"""In the shells of administrators: completion, loaded and tried in each, and quoting that PowerShell takes, too."""

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cli.commands import COMMANDS
from cli.main import HELP
from infra.documents import documents

BIN = Path(sys.executable).parent
# What each shell is let do with the script in $1: complete the line `standby <$2>`, and print what it offers.
TRIES = {
    "bash": """
        source "$1"; complete -p standby > /dev/null || exit 9
        COMP_WORDS=(standby $2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _standby_completion standby
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        autoload -U compinit; compinit -D -u; source "$1"; [[ $_comps[standby] == _standby_completion ]] || exit 9
        _arguments() { print -r -- "$@" }
        words=(standby ${=2}); CURRENT=$#words; _standby_completion
    """,
    "fish": """source $argv[1]; complete -C "standby $argv[2]" """,
}
OPTIONS = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}


@pytest.fixture(params=TRIES)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here, so that completion cannot be tried in it")
    return name


def completed(shell: str, line: str, folder: Path) -> str:
    """What a shell offers for the last word of a line, once the script that is shown for it is loaded."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    # The name of the shell is given, rather than found from the processes above this one.
    shows = {**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = folder / "completion"
    shown = subprocess.run(  # noqa: S603
        [BIN / "standby", "--show-completion", shell], env=shows, capture_output=True, text=True, check=True
    )
    script.write_text(shown.stdout, encoding="utf-8")
    given = [str(script), line] if shell == "fish" else ["x", str(script), line]
    ran = subprocess.run(  # noqa: S603
        [shell, *OPTIONS[shell], TRIES[shell], *given], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("fail", "failover-list", "status"),
        ("list --unc", "--uncovered", "--drift"),
        ("pause --re", "--region", "--yes"),
    ],
)
def test_commands_and_options_are_completed(
    shell: str, line: str, offered: str, not_offered: str, tmp_path: Path
) -> None:
    found = completed(shell, line, tmp_path)
    assert offered in found
    assert not_offered not in found


def examples() -> list[str]:
    """The commands in help and in the documents, each as it is typed."""
    helps = [HELP, *(import_module(f"cli.commands.{module}").work.__doc__ for module in COMMANDS.values())]
    lines = [line.strip() for text in helps for line in text.splitlines() if line.startswith((" " * 6, "  standby "))]
    pages = "\n".join(file.read_text(encoding="utf-8") for file in documents())
    found = [re.split(r" {3,}", line)[0] for line in lines if line.startswith("standby ")]
    return sorted({*found, *re.findall(r"`(standby [^`\n]+)`", pages)})


# Microsoft, about_Parsing and about_Quoting_Rules: outside of quotation marks these begin or separate something else; a
# comma makes an array, of which each element is an argument of its own. In single quotation marks all is literal, but
# Windows PowerShell 5.1 loses a double quotation mark on its way to a program; in double ones $ and ` are not literal.
QUOTED = r"'[^']*'|\"[^\"]*\""
SPECIAL = re.compile(r"[$`@(){};,&|]")


@pytest.mark.parametrize("line", examples())
def test_what_is_typed_means_the_same_in_powershell(line: str) -> None:
    line = line.partition(" || ")[0]  # what follows is for cron
    bare = re.sub(QUOTED, "", line)
    assert not SPECIAL.findall(bare)
    for quoted in re.findall(QUOTED, line):
        assert not set(quoted[1:-1]) & set("$`" if quoted[0] == '"' else '"')


def test_there_are_examples() -> None:
    assert len(examples()) > 50
