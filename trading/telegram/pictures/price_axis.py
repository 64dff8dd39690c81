"""The vertical axis: which prices are visible, where they lie, and how they are written. Pure.

A price becomes a pixel by one division in Decimal, rounded once.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from trading.telegram.pictures.chart import Chart
from vanta.money import ONE, ZERO, format_price

MIN_SPAN_SHARE = Decimal("0.0002")  # of the price: less movement than this over a whole chart is shown as hardly any
REACH_SHARE = Decimal(
    "0.2"
)  # of the candles' span: a level this near widens the axis, one further out would squeeze it
PADDING_SHARE = Decimal("0.05")
MAX_STEPS = 7
LONGEST_PRICE = 13  # characters; what is longer is written with an exponent
FURTHER_DECIMALS = 2  # that a single price has beyond the axis


@dataclass(frozen=True, slots=True)
class PriceScale:
    """Prices from `low` to `high` between the pixel rows `bottom` and `top`."""

    low: Decimal
    high: Decimal
    top: int
    bottom: int

    def row(self, price: Decimal) -> int:
        share = (self.high - price) / (self.high - self.low)
        return self.top + int((share * (self.bottom - self.top)).to_integral_value())

    def shows(self, price: Decimal) -> bool:
        return self.low <= price <= self.high

    def enlarged(self, factor: int) -> "PriceScale":
        """The same prices in a picture that is `factor` times as large."""
        return PriceScale(self.low, self.high, self.top * factor, self.bottom * factor)


@dataclass(frozen=True, slots=True)
class PriceSteps:
    """Round prices at even distances, and how many decimals tell them apart."""

    prices: tuple[Decimal, ...]
    decimals: int


def visible_prices(chart: Chart) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price that the axis shows: all candles and a current mark, and levels close by."""
    low, high = chart.low, chart.high
    if chart.mark and chart.mark.is_current:
        low, high = min(low, chart.mark.price), max(high, chart.mark.price)
    span = max(high - low, high * MIN_SPAN_SHARE)
    middle = (low + high) / 2
    low, high = min(low, middle - span / 2), max(high, middle + span / 2)
    others = [level.price for level in chart.levels] + ([chart.mark.price] if chart.mark else [])
    reach = span * REACH_SHARE
    near = [price for price in others if low - reach <= price <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    padding = (high - low) * PADDING_SHARE
    return max(low - padding, ZERO), high + padding


def price_steps(low: Decimal, high: Decimal) -> PriceSteps:
    """Prices between `low` and `high` at a distance of 1, 2 or 5 times a power of ten, MAX_STEPS of them or fewer."""
    wanted = (high - low) / MAX_STEPS
    power = ONE.scaleb(wanted.adjusted())
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted)
    price = (low / step).to_integral_value(rounding=ROUND_CEILING) * step
    prices = []
    while price <= high:
        prices.append(price)
        price += step
    return PriceSteps(tuple(prices), max(0, -step.normalize().adjusted()))


def step_text(price: Decimal, decimals: int) -> str:
    """A price on the axis; with an exponent where it would be too long to read."""
    return _bounded(f"{price:,.{decimals}f}", price)


def tag_text(price: Decimal, decimals: int) -> str:
    """A single price beside an axis of `decimals`: as exact as people are told elsewhere, within reason."""
    usual = format_price(price)
    usual_decimals = len(usual.partition(".")[2])
    return step_text(price, max(decimals, min(usual_decimals, decimals + FURTHER_DECIMALS)))


def price_text(price: Decimal) -> str:
    """A price that lies on no axis."""
    return _bounded(format_price(price), price)


def _bounded(text: str, price: Decimal) -> str:
    vanished = price != ZERO and not text.strip("0.,-")
    return f"{price:.2E}" if len(text) > LONGEST_PRICE or vanished else text
