"""Drawing a chart: a PNG from values. Pure but for the font's file.

Shapes are drawn at FINE times the size and scaled down, which makes their edges smooth; letters are drawn afterwards,
at their own size, because the font's outlines are smoothed better than a scaled picture of them. The result is stored
with a palette: a third of the size, and sooner than all colours.
"""

import io

from PIL import Image, ImageDraw

from trading.telegram.pictures.chart import Bar, Chart
from trading.telegram.pictures.labels import HEIGHT, WIDTH, Label
from trading.telegram.pictures.layout import Layout, lay_out
from trading.telegram.pictures.lettering import font, text_width
from trading.telegram.pictures.level_rows import POINTER, LevelRow
from trading.telegram.pictures.price_axis import PriceScale
from trading.telegram.pictures.themes import DARK, Ink, Theme

FINE = 2  # shapes are drawn in a picture this many times as large
COLOURS = 96
LINE, HAIR = 2 * FINE, FINE
OUTLINE = 3  # fine pixels around a hollow candle
DASHES = {Ink.MARK: (3 * FINE, 5 * FINE), Ink.OLD_MARK: (3 * FINE, 5 * FINE)}  # dotted: what is drawn, what is left out
USUAL_DASH = (10 * FINE, 6 * FINE)
CORNER = 7 * FINE
LETTERS_SINK = 1  # pixels that make capitals and digits look centred: the font leaves room for accents above
QUICK = 3  # zlib's level: the default takes three times as long for a quarter less


def draw(chart: Chart, theme: Theme = DARK) -> bytes:
    """The chart as a PNG of WIDTH times HEIGHT pixels."""
    layout = lay_out(chart, text_width)
    picture = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), theme[Ink.BACKGROUND])
    canvas = ImageDraw.Draw(picture)
    _draw_grid(canvas, layout, theme)
    scale = layout.scale.enlarged(FINE)
    for place, bar in enumerate(layout.bars):
        _draw_bar(canvas, bar, layout.column(place), layout.slot, scale, theme)
    for row in layout.rows:
        _draw_row(canvas, row, layout, theme)
    for label in layout.labels:
        _draw_tag(canvas, label, theme)
    picture = picture.reduce(FINE)
    letters = ImageDraw.Draw(picture)
    for label in layout.labels:
        at = (label.text_left, label.box.middle + LETTERS_SINK)
        letters.text(at, label.text, fill=theme[label.ink], font=font(label.size), anchor="lm")
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    stored = io.BytesIO()
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(stored, "PNG", compress_level=QUICK)
    return stored.getvalue()


def _draw_grid(canvas: ImageDraw.ImageDraw, layout: Layout, theme: Theme) -> None:
    plot, ink = layout.plot, theme[Ink.GRID]
    for row in layout.grid_rows:
        canvas.rectangle((plot.left * FINE, row * FINE, plot.right * FINE, row * FINE + HAIR - 1), fill=ink)
    for column in layout.grid_columns:
        canvas.rectangle((column * FINE, plot.top * FINE, column * FINE + HAIR - 1, plot.bottom * FINE), fill=ink)


def _draw_bar(canvas: ImageDraw.ImageDraw, bar: Bar, middle: int, slot: int, scale: PriceScale, theme: Theme) -> None:
    """Rising candles are hollow, falling ones filled; one that did not move is a line."""
    ink = theme[Ink.RISING if bar.rises else Ink.FALLING]
    high, low = scale.row(bar.high), scale.row(bar.low)
    upper, lower = sorted((scale.row(bar.open), scale.row(bar.close)))
    beside = max(0, (slot - 2) // 2)  # pixels of the body at each side of the wick
    canvas.rectangle((middle * FINE, high, middle * FINE + HAIR - 1, max(low, high + HAIR - 1)), fill=ink)
    body = ((middle - beside) * FINE, upper, (middle + beside + 1) * FINE - 1, max(lower, upper + LINE - 1))
    is_hollow = bar.rises and beside > 1 and lower - upper > 2 * OUTLINE
    canvas.rectangle(body, fill=theme[Ink.BACKGROUND] if is_hollow else ink, outline=ink, width=OUTLINE)


def _draw_row(canvas: ImageDraw.ImageDraw, row: LevelRow, layout: Layout, theme: Theme) -> None:
    if row.line is None:
        return
    ink, line, plot = theme[row.ink], row.line * FINE, layout.plot
    dash, gap = DASHES.get(row.ink, USUAL_DASH)
    for left in range(plot.left * FINE, plot.right * FINE, dash + gap):
        right = min(left + dash, plot.right * FINE) - 1
        canvas.rectangle((left, line - LINE // 2, right, line + LINE // 2 - 1), fill=ink)
    if row.tag:
        ends = (plot.right * FINE, line, (plot.right + POINTER) * FINE, row.tag.box.middle * FINE)
        canvas.line(ends, fill=ink, width=LINE)
    if row.name:
        ends = (plot.left * FINE, line, (plot.left + POINTER) * FINE, row.name.box.middle * FINE)
        canvas.line(ends, fill=ink, width=LINE)


def _draw_tag(canvas: ImageDraw.ImageDraw, label: Label, theme: Theme) -> None:
    if label.fill is None:
        return
    box = label.box
    corners = (box.left * FINE, box.top * FINE, box.right * FINE - 1, box.bottom * FINE - 1)
    canvas.rounded_rectangle(corners, CORNER, fill=theme[label.fill])
