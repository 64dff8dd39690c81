"""Charts to draw, candles to draw them from, and a look at the result."""

import datetime as dt
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from PIL import Image

from feeds.models import Candle, Resolution
from trading.telegram.pictures.chart import Bar, Chart, LevelKind, PriceLevel, ShownMark
from trading.telegram.pictures.themes import Colour
from vanta import clock

D = Decimal
TAKEN_AT = dt.datetime(2026, 11, 24, 8, 57, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
# Steps of a walk in per mille, which ends where it began
WALK = (3, 5, -2, -4, 6, 1, -7, -3, 2, 4, -6, 1)


def bars(count: int = 120, *, first: str = "3000", step: dt.timedelta = HOUR) -> tuple[Bar, ...]:
    """Candles that end with the one that TAKEN_AT falls into."""
    end = Resolution(int(step.total_seconds())).start_of(TAKEN_AT)
    made, price = [], D(first)
    for place in range(count):
        close = price * (1000 + WALK[place % len(WALK)]) / 1000
        high, low = max(price, close) * D("1.001"), min(price, close) * D("0.999")
        made.append(Bar(end - step * (count - 1 - place), price, high, low, close))
        price = close
    return tuple(made)


def chart(**changes: Any) -> Chart:
    """ETH/USD by the hour around 3000, with a current mark and no levels."""
    shown = changes.pop("bars", None) or bars()
    defaults: dict[str, Any] = {
        "market": "ETH/USD",
        "resolution": "1h",
        "step": HOUR,
        "taken_at": TAKEN_AT,
        "mark": ShownMark(shown[-1].close),
    }
    return Chart(bars=shown, **{**defaults, **changes})


def level(price: object, name: str = "Long 10x", kind: LevelKind = LevelKind.ENTRY) -> PriceLevel:
    return PriceLevel(kind, D(str(price)), name)


def opened(png: bytes) -> Image.Image:
    """The picture in all its colours. Raises where it is none."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        picture.load()
        return picture.convert("RGB")


def looks_like(found: Any, wanted: Colour) -> bool:
    """The same but for what a small palette costs."""
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))


def make_candles(
    symbol: str = "ETH/USD",
    resolution: Resolution = Resolution.HOUR,
    *,
    count: int = 120,
    closes: Sequence[object] = (3000,),
    ended: dt.timedelta = dt.timedelta(0),
) -> None:
    """Stored candles whose closes repeat; the last is the one that now falls into, or of `ended` ago."""
    last = resolution.start_of(clock.now() - ended)
    rows = []
    for place in range(count):
        close = D(str(closes[place % len(closes)]))
        start = last - resolution.span * (count - 1 - place)
        rows.append(
            Candle(
                price_symbol=symbol,
                resolution_s=resolution,
                start_at=start,
                open=close,
                high=close * D("1.002"),
                low=close * D("0.998"),
                close=close,
                first_at=start,
                last_at=start + resolution.span,
            )
        )
    Candle.objects.bulk_create(rows)
