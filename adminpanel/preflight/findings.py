"""What a check found: a colour, one sentence of what it saw, and what to do next."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings


class Colour(StrEnum):
    """Green: as it should be. Amber: somebody should know. Red: no real money like this."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence each; `do` is empty where there is nothing to do."""

    colour: Colour
    saw: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the check of this name found, and how long it took."""

    name: str
    colour: Colour
    saw: str
    do: str
    took_ms: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def green(saw: str) -> Finding:
    return Finding(Colour.GREEN, saw)


def amber(saw: str, do: str) -> Finding:
    return Finding(Colour.AMBER, saw, do)


def red(saw: str, do: str) -> Finding:
    return Finding(Colour.RED, saw, do)


def shortcoming(saw: str, do: str) -> Finding:
    """Red where money is real; amber in the sandbox's world, which production refuses and where none is."""
    return amber(saw, do) if is_practice() else red(saw, do)


def is_practice() -> bool:
    """Whether the outside world is the sandbox."""
    return bool(settings.SANDBOX_URL) and not settings.PRODUCTION


def worst(colours: Iterable[Colour]) -> Colour:
    """The verdict on all; green where there are none."""
    order = list(Colour)
    return max(colours, key=order.index, default=Colour.GREEN)
