"""Colours. Nothing is told by colour alone: rising candles are hollow, levels have names."""

from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[int, int, int]


class Ink(StrEnum):
    """What a line, a label or a candle is drawn in."""

    BACKGROUND = "background"
    GRID = "grid"
    TEXT = "text"
    MUTED = "muted"
    CHIP = "chip"
    RISING = "rising"
    FALLING = "falling"
    MARK = "mark"
    OLD_MARK = "old_mark"
    ENTRY = "entry"
    LIQUIDATION = "liquidation"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    ON_TAG = "on_tag"


@dataclass(frozen=True, slots=True)
class Theme:
    """A colour for every ink."""

    name: str
    colours: dict[Ink, Colour]

    def __getitem__(self, ink: Ink) -> Colour:
        return self.colours[ink]


def _theme(name: str, **colours: str) -> Theme:
    """From `rrggbb`; a missing or unknown ink is a defect that shows at import."""
    found = {Ink(ink): (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for ink, code in colours.items()}
    return Theme(name, {ink: found[ink] for ink in Ink})


DARK = _theme(
    "dark",
    background="10151f",
    grid="222b3a",
    text="eef2f8",
    muted="93a0b4",
    chip="263245",
    rising="2fc6a4",
    falling="ff6a5c",
    mark="f4f7fb",
    old_mark="a3adbd",
    entry="6cb1ff",
    liquidation="ff5fb0",
    stop="ffb224",
    take_profit="a6e05a",
    on_tag="10151f",
)
LIGHT = _theme(
    "light",
    background="ffffff",
    grid="e6eaf0",
    text="131a26",
    muted="5f6c80",
    chip="e6ebf2",
    rising="0a8f72",
    falling="d63a2f",
    mark="1b2432",
    old_mark="6d7888",
    entry="1466cc",
    liquidation="bf1673",
    stop="a85b00",
    take_profit="3f7d0f",
    on_tag="ffffff",
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}
