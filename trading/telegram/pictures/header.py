"""The two lines above a chart: which market, where it stands, and over what time. Pure."""

from decimal import Decimal

from trading.telegram.pictures.chart import Chart, window_text
from trading.telegram.pictures.labels import (
    BODY,
    HEAD,
    MARGIN,
    TITLE,
    WIDTH,
    Label,
    Measure,
    fitted,
    label_at,
    label_to,
)
from trading.telegram.pictures.price_axis import tag_text
from trading.telegram.pictures.themes import Ink
from vanta.money import ZERO, format_percent

FIRST_ROW, SECOND_ROW = 42, 90
GAP = 16
SMALLEST_CHANGE, LARGEST_CHANGE = Decimal("0.00005"), Decimal(100)  # 0.005 %, which rounds to nothing; 10 000 %
_ARROWS = {Ink.RISING: "▲ ", Ink.FALLING: "▼ ", Ink.MUTED: ""}


def header(chart: Chart, decimals: int, hidden_levels: int, measure: Measure) -> list[Label]:
    """Market, resolution and change; below them the time, and the highest and lowest price."""
    change = label_to(WIDTH - MARGIN, FIRST_ROW, change_text(chart.change), HEAD, _ink(chart.change), measure)
    latest = label_to(change.box.left - GAP, FIRST_ROW, tag_text(chart.latest, decimals), TITLE, Ink.TEXT, measure)
    span = f"High {tag_text(chart.high, decimals)}   Low {tag_text(chart.low, decimals)}"
    extremes = label_to(WIDTH - MARGIN, SECOND_ROW, span, BODY, Ink.MUTED, measure)
    when = fitted(_when(chart, hidden_levels), BODY, extremes.box.left - GAP - MARGIN, measure)
    below = label_at(MARGIN, SECOND_ROW, when, BODY, Ink.MUTED, measure)
    return [*_names(chart, latest.box.left - GAP, measure), latest, change, below, extremes]


def _names(chart: Chart, right: int, measure: Measure) -> list[Label]:
    """The market's name, as much of it as there is room for, with its chips."""
    chips = [chart.resolution, *(["closed"] if chart.is_closed else [])]
    chip_widths = [label_at(0, 0, chip, BODY, Ink.TEXT, measure, Ink.CHIP).box.width + GAP for chip in chips]
    name = fitted(chart.market, TITLE, right - MARGIN - sum(chip_widths), measure)
    labels = [label_at(MARGIN, FIRST_ROW, name, TITLE, Ink.TEXT, measure)]
    for chip in chips:
        left = labels[-1].box.right + GAP
        labels.append(label_at(left, FIRST_ROW, chip, BODY, Ink.TEXT, measure, Ink.CHIP))
    return labels


def _when(chart: Chart, hidden_levels: int) -> str:
    hidden = f" · {hidden_levels} levels not shown" if hidden_levels else ""
    return f"{window_text(chart.window)} to {chart.taken_at.day} {chart.taken_at:%b %Y %H:%M} UTC{hidden}"


def change_text(change: Decimal) -> str:
    """`▲ 1.24 %`, `▼ 0.50 %`, `0.00 %`; a change beyond all measure is not spelt out."""
    arrow = _ARROWS[_ink(change)]
    if abs(change) > LARGEST_CHANGE:
        return f"{arrow}> {format_percent(LARGEST_CHANGE, 0)}"
    return f"{arrow}{format_percent(abs(change))}"


def _ink(change: Decimal) -> Ink:
    if abs(change) < SMALLEST_CHANGE:
        return Ink.MUTED
    return Ink.RISING if change > ZERO else Ink.FALLING
