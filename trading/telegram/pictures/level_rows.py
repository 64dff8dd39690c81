"""The mark and the trader's levels: where their lines lie and how their labels keep out of each other's way. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.telegram.pictures.chart import Chart, LevelKind
from trading.telegram.pictures.geometry import Box, push_apart
from trading.telegram.pictures.labels import BODY, MARGIN, PADDING, WIDTH, Label, Measure, fitted
from trading.telegram.pictures.price_axis import PriceScale, price_text, tag_text
from trading.telegram.pictures.themes import Ink

MAX_LEVELS = 11  # with the mark, as many rows as fit above each other
ROW = 42
TAG = 38  # a row without the gap below it
POINTER = 12  # between a line's end and its label, which may lie higher or lower
WIDEST_NAME = 420
OLD_MARK = "Last known"
_INKS = {
    LevelKind.ENTRY: Ink.ENTRY,
    LevelKind.LIQUIDATION: Ink.LIQUIDATION,
    LevelKind.STOP: Ink.STOP,
    LevelKind.TAKE_PROFIT: Ink.TAKE_PROFIT,
}


@dataclass(frozen=True, slots=True)
class MarkedPrice:
    """A price with a line of its own. The current mark needs no name."""

    price: Decimal
    name: str
    ink: Ink


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A marked price in the picture. A price beyond the axis has no line, only a name with an arrow and the price."""

    ink: Ink
    line: int | None
    name: Label | None
    tag: Label | None

    @property
    def labels(self) -> list[Label]:
        return [label for label in (self.name, self.tag) if label]


def marked_prices(chart: Chart) -> list[MarkedPrice]:
    """What gets a row, from the highest price to the lowest."""
    found = [MarkedPrice(level.price, level.name, _INKS[level.kind]) for level in chart.levels[:MAX_LEVELS]]
    if chart.mark:
        is_current = chart.mark.is_current
        found.append(
            MarkedPrice(chart.mark.price, "" if is_current else OLD_MARK, Ink.MARK if is_current else Ink.OLD_MARK)
        )
    return sorted(found, key=lambda marked: -marked.price)


def level_rows(
    marked: Sequence[MarkedPrice], scale: PriceScale, decimals: int, plot: Box, measure: Measure
) -> list[LevelRow]:
    """Rows for `marked`, which begin with the highest price.

    Names keep clear of each other at the left, prices at the right: neither moves for the other's sake.
    """
    names = _tops(marked, scale, plot, lambda each: bool(each.name))
    tags = _tops(marked, scale, plot, lambda each: scale.shows(each.price))
    return [
        LevelRow(
            ink=each.ink,
            line=scale.row(each.price) if scale.shows(each.price) else None,
            name=None if name_top is None else _name(each, name_top, scale, plot, measure),
            tag=None if tag_top is None else _tag(each, tag_top, decimals, plot),
        )
        for each, name_top, tag_top in zip(marked, names, tags, strict=True)
    ]


def _tops(
    marked: Sequence[MarkedPrice], scale: PriceScale, plot: Box, has_label: Callable[[MarkedPrice], bool]
) -> list[int | None]:
    """Where the label of each begins; None where it has none."""
    wanted = [scale.row(min(max(each.price, scale.low), scale.high)) for each in marked if has_label(each)]
    tops = iter(push_apart(wanted, size=ROW, top=plot.top, bottom=plot.bottom))
    return [next(tops) if has_label(each) else None for each in marked]


def _name(marked: MarkedPrice, top: int, scale: PriceScale, plot: Box, measure: Measure) -> Label:
    text = fitted(marked.name, BODY, WIDEST_NAME, measure)
    if not scale.shows(marked.price):
        text = f"{'▲' if marked.price > scale.high else '▼'} {text} {price_text(marked.price)}"
    left = plot.left + POINTER
    box = Box(left, top, left + measure(text, BODY) + 2 * PADDING, top + TAG)
    return Label(text, box, BODY, Ink.ON_TAG, marked.ink)


def _tag(marked: MarkedPrice, top: int, decimals: int, plot: Box) -> Label:
    box = Box(plot.right + POINTER, top, WIDTH - MARGIN // 2, top + TAG)
    return Label(tag_text(marked.price, decimals), box, BODY, Ink.ON_TAG, marked.ink)
