"""Words for prices and where they come from: why there is none, what a quote counts for, how old, how far off. Plain
text; nothing of it needs escaping.
"""

from decimal import Decimal

from feeds.price_views import SourceView
from trading.telegram import time_words
from vanta.money import HUNDRED, format_percent, format_price

FAR_OFF = Decimal(10)
NO_DISTANCE = "0.00 %"
MOST_DECIMALS = 18
_NO_PRICE = {
    "no_quotes": "no source has sent a price",
    "no_fresh_quote": "every price that came is too old",
    "not_enough_upstreams": "too few independent sources agree",
    "outliers": "the sources contradict each other",
    "vetoed": "an independent source contradicts the price",
}
_LEFT_OUT = {
    "malformed": "not a price",
    "future": "its clock is ahead",
    "expired": "far too old",
    "duplicate_upstream": "from where another one is from",
    "outlier": "too far from the others",
}
_PARTS = {"vouches": "vouches", "may_veto": "older, may veto", "vetoes": "vetoes the price"}


def why_no_price(reason: str) -> str:
    """A reason of NoConsensus; a new one is shown as it is."""
    return _NO_PRICE.get(reason, reason.replace("_", " "))


def part_of(view: SourceView) -> str:
    """What a quote counts for, and why it does not."""
    if view.reason:
        return f"left out: {_LEFT_OUT.get(view.reason, view.reason.replace('_', ' '))}"
    return _PARTS.get(view.role, view.role)


def price_of(view: SourceView) -> str:
    """What the source says."""
    return "—" if view.price is None else format_price(view.price)


def age(milliseconds: int) -> str:
    """As `time_words.age`; ahead of our clock where it is below zero."""
    return time_words.age(milliseconds) if milliseconds >= 0 else f"{time_words.age(-milliseconds)} ahead"


def distance(fraction: Decimal | None) -> str:
    """`+0.04 %`, with its sign; empty where there is nothing to measure from."""
    if fraction is None:
        return ""
    if abs(fraction) > FAR_OFF:
        return f"more than {FAR_OFF * HUNDRED:,} % off"
    text = format_percent(fraction)
    return f"+{text}" if fraction > 0 and text != NO_DISTANCE else text


def rate(fraction: Decimal) -> str:
    """A rate that may be tiny, with its sign and two digits that count: `+0.0012 %`, `−0.08 %`, `+1.25 %`."""
    percent = fraction * HUNDRED
    magnitude = percent.copy_abs().adjusted() if percent else 0
    digits = format_percent(fraction, min(max(2, 1 - magnitude), MOST_DECIMALS)).removesuffix(" %")
    digits = digits.rstrip("0").rstrip(".")
    return f"{digits} %" if digits.startswith("−") else f"+{digits} %"
