"""Reading a Procfile: `name: command` a line, with $NAME, ${NAME} and ${NAME:-default} from the environment. Pure."""

import re
import shlex
from collections.abc import Mapping, Sequence

ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")


def read_procfile(text: str, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """The command line of each process. They run without a shell; an unset variable without a default is empty."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1] or match[2]) or match[3] or ""

    processes: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, separator, command = line.partition(":")
        if separator and not name.lstrip().startswith("#"):
            processes[name.strip()] = shlex.split(VARIABLE.sub(value, command))
    return processes


def split_assignments(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What a command line assigns in front of its program, as a shell reads it, and the rest."""
    assigned: dict[str, str] = {}
    for index, word in enumerate(argv):
        match = ASSIGNMENT.fullmatch(word)
        if match is None:
            return assigned, list(argv[index:])
        assigned[match[1]] = match[2]
    return assigned, []
