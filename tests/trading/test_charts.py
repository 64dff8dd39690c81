"""The picture of a chart: what is drawn where, and that everything can be read."""

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.charting import TAKEN_AT, D, bars, chart, level, looks_like, opened
from trading.telegram.pictures.chart import Bar, Chart, LevelKind, PriceLevel, ShownMark
from trading.telegram.pictures.drawing import draw
from trading.telegram.pictures.geometry import Box
from trading.telegram.pictures.labels import HEIGHT, WIDTH
from trading.telegram.pictures.layout import Layout, lay_out
from trading.telegram.pictures.lettering import FONT, text_width
from trading.telegram.pictures.level_rows import MAX_LEVELS
from trading.telegram.pictures.themes import DARK, LIGHT, THEMES, Ink, Theme

PICTURE = Box(0, 0, WIDTH, HEIGHT)
MAX_BYTES = 150 * 1024
FAR_STOP = level(2000, "Stop", LevelKind.STOP)
LEVELS = (
    level(2990),
    level(2985, "Stop", LevelKind.STOP),
    level(2700, "Liquidation", LevelKind.LIQUIDATION),
    level(3040, "Take-profit", LevelKind.TAKE_PROFIT),
)


def laid_out(shown: Chart) -> Layout:
    return lay_out(shown, text_width)


def texts(shown: Chart) -> list[str]:
    return [label.text for label in laid_out(shown).labels]


def assert_readable(shown: Chart) -> None:
    """Every text lies inside the picture and none on another."""
    labels = laid_out(shown).labels
    for label in labels:
        assert PICTURE.holds(label.box), label
        assert label.text_left + text_width(label.text, label.size) <= label.box.right, label
    for one, other in itertools.combinations(labels, 2):
        assert not one.box.overlaps(other.box), (one, other)


def flat(price: str, count: int = 30) -> tuple[Bar, ...]:
    return tuple(Bar(bar.start_at, *(D(price),) * 4) for bar in bars(count))


CASES = {
    "a usual day": chart(levels=LEVELS),
    "crowded levels": chart(levels=tuple(level(2990 + n, f"Long {n}x #{n}") for n in range(MAX_LEVELS))),
    "many more levels than fit": chart(levels=LEVELS * 10),
    "levels all above": chart(levels=tuple(level(9000 + n) for n in range(MAX_LEVELS))),
    "levels all below": chart(levels=tuple(level(10 + n) for n in range(MAX_LEVELS))),
    "one candle": chart(bars=bars(1)),
    "two candles": chart(bars=bars(2)),
    "more candles than fit": chart(bars=bars(2000)),
    "one price": chart(bars=flat("3000")),
    "one flat candle": chart(bars=flat("3000", 1), mark=None),
    "tiny": chart(bars=bars(first="0.0000011")),
    "the smallest": chart(bars=flat("0.000000000000000001"), levels=(level("0.000000000000000002"),)),
    "large": chart(bars=bars(first="100000")),
    "the largest": chart(bars=bars(first="999999999999999"), levels=(level("0.000000000000000001"),)),
    "no mark": chart(mark=None),
    "an old mark far away": chart(mark=ShownMark(D(1), is_current=False)),
    "closed": chart(is_closed=True, mark=ShownMark(D(3000), is_current=False)),
    "a name without end": chart(market="UNBELIEVABLY_LONG_NAME_OF_A_MARKET_W/USDC", is_closed=True),
    "a change beyond all measure": chart(mark=ShownMark(D(10) ** 14)),
}


@pytest.mark.parametrize("shown", CASES.values(), ids=CASES)
def test_every_chart_is_a_readable_png_of_the_agreed_size(shown: Chart) -> None:
    assert_readable(shown)
    png = draw(shown)
    assert opened(png).size == (WIDTH, HEIGHT) == (1280, 720)
    assert len(png) <= MAX_BYTES


def test_the_font_lies_beside_the_code_with_its_licence() -> None:
    assert FONT.is_file()
    assert "Bitstream Vera" in (FONT.parent / "LICENSE.txt").read_text()


PRICES = st.decimals(min_value="0.000000000000000001", max_value=10**15, allow_nan=False, allow_infinity=False)
# What markets look like: a price, and everything else a few percent around it
AROUND = st.integers(-80, 300).map(lambda percent: D(100 + percent) / 100)


@st.composite
def charts(compose: st.DrawFn) -> Chart:
    """Anything that a market and a trader could come to."""
    base = compose(PRICES)
    price = st.one_of(AROUND.map(lambda factor: base * factor), PRICES)
    made = []
    for place in range(compose(st.integers(1, 6))):
        ends = compose(st.lists(price, min_size=4, max_size=4).map(sorted))
        first, last = compose(st.permutations(ends[1:3]))
        made.append(Bar(TAKEN_AT - dt.timedelta(hours=30 - place), first, ends[3], ends[0], last))
    name = st.text(max_size=50)
    levels = compose(st.lists(st.builds(PriceLevel, st.sampled_from(LevelKind), price, name), max_size=20))
    mark = compose(st.none() | st.builds(ShownMark, price, st.booleans()))
    market, is_closed = compose(name), compose(st.booleans())
    return chart(bars=tuple(made), levels=tuple(levels), mark=mark, market=market, is_closed=is_closed)


@settings(max_examples=100, deadline=None)
@given(charts())
def test_no_two_labels_of_any_chart_overlap_and_all_are_inside(shown: Chart) -> None:
    assert_readable(shown)


@settings(max_examples=10, deadline=None)
@given(charts(), st.sampled_from(sorted(THEMES)))
def test_any_chart_can_be_drawn(shown: Chart, theme: str) -> None:
    assert opened(draw(shown, THEMES[theme])).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_the_mark_and_every_level_have_a_line_and_a_tag_in_their_colour(theme: Theme) -> None:
    shown = chart(levels=LEVELS)
    picture, layout = opened(draw(shown, theme)), laid_out(shown)
    rows = {row.ink: row for row in layout.rows}
    assert set(rows) == {Ink.MARK, Ink.ENTRY, Ink.STOP, Ink.LIQUIDATION, Ink.TAKE_PROFIT}
    for ink, row in rows.items():
        for label in row.labels:
            inside = (label.box.right - 4, label.box.middle)
            assert looks_like(picture.getpixel(inside), theme[ink]), ink
        if row.line is not None:
            at = (layout.plot.left + 1, row.line)
            assert looks_like(picture.getpixel(at), theme[ink]), ink
    assert looks_like(picture.getpixel((5, 5)), theme[Ink.BACKGROUND])


def test_rising_candles_are_hollow_and_falling_ones_filled() -> None:
    start = TAKEN_AT.replace(minute=0)
    rising = Bar(start - dt.timedelta(hours=1), D(100), D(130), D(90), D(120))
    falling = Bar(start, D(120), D(130), D(90), D(100))
    shown = chart(bars=(rising, falling), mark=None)
    picture, layout = opened(draw(shown)), laid_out(shown)
    middle = layout.scale.row(D(110))
    inside = [picture.getpixel((layout.column(place) + 3, middle)) for place in (0, 1)]
    assert looks_like(inside[0], DARK[Ink.BACKGROUND])
    assert looks_like(inside[1], DARK[Ink.FALLING])
    wick = picture.getpixel((layout.column(0), layout.scale.row(D(125))))
    assert looks_like(wick, DARK[Ink.RISING])


def test_a_level_far_away_is_named_at_the_edge_and_squeezes_nothing() -> None:
    without, layout = laid_out(chart()), laid_out(chart(levels=(FAR_STOP,)))
    assert layout.scale == without.scale
    (row,) = [row for row in layout.rows if row.ink == Ink.STOP]
    assert (row.line, row.tag) == (None, None)
    assert row.name is not None
    assert row.name.text == "▼ Stop 2,000.00"
    assert row.name.box.bottom > layout.plot.bottom - 10
    assert "▲ Stop 4,000.00" in texts(chart(levels=(level(4000, "Stop"),)))


def test_a_level_close_by_widens_the_axis() -> None:
    high = laid_out(chart()).scale.high
    scale = laid_out(chart(levels=(level(high + 5),))).scale
    assert scale.shows(high + 5)


def test_an_old_mark_is_named_as_such_and_a_current_one_always_visible() -> None:
    assert "Last known" in texts(chart(mark=ShownMark(D(3000), is_current=False)))
    current = laid_out(chart(mark=ShownMark(D(4000))))
    assert current.scale.shows(D(4000))
    assert not any("Last known" in label.text for label in current.labels)


def test_levels_that_find_no_room_are_counted() -> None:
    assert any("5 levels not shown" in text for text in texts(chart(levels=(level(3000),) * (MAX_LEVELS + 5))))


def test_the_head_tells_market_resolution_change_extremes_and_time() -> None:
    shown = chart(bars=flat("3000")[:-1] + bars(1, first="3090"), mark=ShownMark(D(3090)), is_closed=True)
    found = texts(shown)
    for text in ("ETH/USD", "1h", "closed", "3,090.00", "▲ 3.00 %", "30 h to 24 Nov 2026 08:57 UTC"):
        assert text in found
    assert f"High {shown.high:,.2f}   Low 3,000.00" in found


def test_the_newest_candle_lies_at_the_right_and_all_are_equally_wide() -> None:
    layout = laid_out(chart())
    columns = [layout.column(place) for place in range(len(layout.bars))]
    assert {after - before for before, after in itertools.pairwise(columns)} == {layout.slot}
    assert 0 < layout.plot.right - columns[-1] < 3 * layout.slot
    assert laid_out(chart(bars=bars(2000))).bars[-1] == bars(2000)[-1]
