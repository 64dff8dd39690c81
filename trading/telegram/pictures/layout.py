"""Where everything in a chart's picture goes: from a chart to boxes, rows and texts, in whole pixels. Pure."""

from dataclasses import dataclass, replace

from trading.telegram.pictures.chart import Bar, Chart
from trading.telegram.pictures.geometry import Box
from trading.telegram.pictures.header import header
from trading.telegram.pictures.labels import BODY, HEIGHT, MARGIN, PADDING, WIDTH, Label, Measure, label_at
from trading.telegram.pictures.level_rows import MAX_LEVELS, POINTER, LevelRow, MarkedPrice, level_rows, marked_prices
from trading.telegram.pictures.price_axis import (
    PriceScale,
    PriceSteps,
    price_steps,
    step_text,
    tag_text,
    visible_prices,
)
from trading.telegram.pictures.themes import Ink
from trading.telegram.pictures.time_axis import time_ticks

TOP, BOTTOM = 124, HEIGHT - 52
WIDEST_SLOT, NARROWEST_SLOT = 40, 3
AIR = 6  # right of the newest candle
TICK_DISTANCE = 150


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a chart's parts. `slot` is a candle's width with the gap beside it; whole pixels make it sharp."""

    plot: Box
    scale: PriceScale
    bars: tuple[Bar, ...]
    slot: int
    grid_rows: tuple[int, ...]
    grid_columns: tuple[int, ...]
    rows: tuple[LevelRow, ...]
    labels: tuple[Label, ...]

    def column(self, place: int) -> int:
        """The pixel in the middle of a candle."""
        return self.plot.right - AIR - (len(self.bars) - place) * self.slot + self.slot // 2


def lay_out(chart: Chart, measure: Measure) -> Layout:
    """Everything that is drawn, with no two labels in one place."""
    low, high = visible_prices(chart)
    steps, marked = price_steps(low, high), marked_prices(chart)
    scale = PriceScale(low, high, TOP, BOTTOM)
    plot = Box(MARGIN // 2, TOP, WIDTH - _gutter(steps, marked, scale, measure), BOTTOM)
    rows = level_rows(marked, scale, steps.decimals, plot, measure)
    bars, slot = _slots(chart, plot)
    bare = Layout(plot, scale, bars, slot, (), (), (), ())
    taken = [label for row in rows for label in row.labels]
    times = _times(chart, bare, measure)
    hidden = max(0, len(chart.levels) - MAX_LEVELS)
    labels = [
        *header(chart, steps.decimals, hidden, measure),
        *_prices(steps, scale, plot, taken, measure),
        *times.values(),
        *taken,
    ]
    return replace(
        bare,
        grid_rows=tuple(scale.row(price) for price in steps.prices),
        grid_columns=tuple(times),
        rows=tuple(rows),
        labels=tuple(labels),
    )


def _gutter(steps: PriceSteps, marked: list[MarkedPrice], scale: PriceScale, measure: Measure) -> int:
    """How wide the column right of the candles is: the longest price in it decides."""
    texts = [step_text(price, steps.decimals) for price in steps.prices]
    texts += [tag_text(each.price, steps.decimals) for each in marked if scale.shows(each.price)]
    return max(measure(text, BODY) for text in texts) + 2 * PADDING + POINTER + MARGIN // 2


def _slots(chart: Chart, plot: Box) -> tuple[tuple[Bar, ...], int]:
    """The newest candles that there is room for, and how much of it each has."""
    room = plot.width - AIR
    slot = min(WIDEST_SLOT, max(NARROWEST_SLOT, room // len(chart.bars)))
    return chart.bars[-(room // slot) :], slot


def _prices(steps: PriceSteps, scale: PriceScale, plot: Box, taken: list[Label], measure: Measure) -> list[Label]:
    """The axis' prices, but for those that a level's label covers."""
    left = plot.right + POINTER + PADDING
    labels = [
        label_at(left, scale.row(price), step_text(price, steps.decimals), BODY, Ink.MUTED, measure)
        for price in steps.prices
    ]
    column = Box(plot.right, plot.top, WIDTH, plot.bottom)
    free = [label for label in labels if not any(label.box.overlaps(other.box) for other in taken)]
    return [label for label in free if column.holds(label.box)]


def _times(chart: Chart, layout: Layout, measure: Measure) -> dict[int, Label]:
    """Times below the candles that they belong to, by the pixel column."""
    plot, middle = layout.plot, (BOTTOM + HEIGHT) // 2
    room = len(layout.bars) * layout.slot
    starts = [bar.start_at for bar in layout.bars]
    found: dict[int, Label] = {}
    free_from = plot.left
    for tick in time_ticks(starts, step=chart.step, at_most=max(1, room // TICK_DISTANCE)):
        column = layout.column(tick.place)
        width = measure(tick.text, BODY)
        left = min(max(column - width // 2, plot.left), plot.right - width)
        if left >= free_from:
            found[column] = label_at(left, middle, tick.text, BODY, Ink.MUTED, measure)
            free_from = left + width + PADDING
    return found
