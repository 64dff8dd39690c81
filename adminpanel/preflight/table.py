"""A preflight as lines for a terminal or a pipe."""

import shutil
import textwrap
from collections.abc import Iterator

from adminpanel.models import PreflightRun

CODES = {"green": "\x1b[32m", "amber": "\x1b[33m", "red": "\x1b[31m"}
PLAIN = "\x1b[0m"
INDENT = 4
NARROWEST = 40


def lines(run: PreflightRun, *, is_coloured: bool) -> Iterator[str]:
    """A line for each check, what to do below it where there is something, and the verdict."""
    longest = max((len(result["name"]) for result in run.results), default=0)
    width = max(shutil.get_terminal_size((120, 24)).columns, NARROWEST)
    margin = " " * (len("amber") + longest + INDENT)
    for result in run.results:
        colour = result["colour"]
        head = f"{painted(colour.ljust(5), colour, is_coloured)}  {result['name'].ljust(longest)}  "
        said = textwrap.wrap(result["saw"], width - len(margin)) or [""]
        yield head + said[0]
        yield from (margin + more for more in said[1:])
        if result["do"]:
            yield from (margin + more for more in textwrap.wrap(f"→ {result['do']}", width - len(margin)))
    yield ""
    counts = ", ".join(f"{len(run.of(colour))} {colour}" for colour in CODES if run.of(colour))
    whole = "" if run.is_complete else "; not a whole run, so it opens nothing"
    whole += "" if run.pk else "; not stored"
    yield f"{painted(run.verdict.upper(), run.verdict, is_coloured)}: {counts}, in {run.took_ms / 1000:.1f} s{whole}."


def painted(text: str, colour: str, is_coloured: bool) -> str:
    """In the colour of its name, on terminals that have it."""
    return f"{CODES[colour]}{text}{PLAIN}" if is_coloured else text
