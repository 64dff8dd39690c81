"""The matrix of markets and sources as the admin shows it: values in, rows of words and colours out."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from django.utils.safestring import SafeString

from adminpanel.admin.columns import badge
from feeds.consensus import MarkPrice
from feeds.models import Market
from feeds.price_views import PriceView, SourceView
from feeds.sources import SOURCES
from trading.telegram import price_words, time_words
from vanta.money import ZERO, format_percent, format_price

LONGEST_QUERY = 40
_PARTS = {"vouches": ("vouches", "success"), "may_veto": ("may veto", "info"), "vetoes": ("vetoes", "danger")}
_LEFT_OUT = {
    "malformed": ("malformed", "warning"),
    "future": ("from the future", "warning"),
    "expired": ("expired", ""),
    "duplicate_upstream": ("same upstream", ""),
    "outlier": ("outlier", "danger"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One source's quote of one market."""

    price: str
    age: str
    distance: str
    badge: SafeString
    meaning: str


@dataclass(frozen=True, slots=True)
class Row:
    """One price symbol. `note` says why there is no mark; a cell is None where the source has no quote."""

    market: Market
    view: PriceView
    is_open: bool
    has_mark: bool
    price: str
    uncertainty: str
    age: str
    note: str
    cells: tuple[Cell | None, ...]

    @property
    def is_missing(self) -> bool:
        """Whether there should be a mark and is none; a market that is closed misses nothing."""
        return self.is_open and not self.has_mark


def sources_of(views: Iterable[PriceView]) -> list[str]:
    """The columns: every source there is, then those that only left a quote behind."""
    quoted = {source.source for view in views for source in view.sources}
    return [*SOURCES, *sorted(quoted - SOURCES.keys())]


def row_of(market: Market, view: PriceView, sources: Sequence[str], now: dt.datetime) -> Row:
    """A market with what every source says of it."""
    cells = {source.source: _cell(source) for source in view.sources}
    is_open = market.is_open_at(now)
    mark, last = (view.mark, None) if isinstance(view.mark, MarkPrice) else (None, view.last)
    shown = mark or last
    return Row(
        market=market,
        view=view,
        is_open=is_open,
        has_mark=mark is not None,
        price=format_price(shown.price) if shown else "",
        uncertainty=format_percent(mark.uncertainty, 3) if mark else "",
        age=time_words.age(view.at_ms - shown.as_of_ms) if shown else "",
        note="" if mark else _why(view, is_open, market, now),
        cells=tuple(cells.get(name) for name in sources),
    )


def _why(view: PriceView, is_open: bool, market: Market, now: dt.datetime) -> str:
    if not is_open:
        opens = market.next_open_at
        return f"until {time_words.moment(opens)}" if opens and opens > now else ""
    if not view.is_readable:
        return "Redis does not answer"
    return "" if isinstance(view.mark, MarkPrice) else price_words.why_no_price(view.mark.reason)


def _cell(source: SourceView) -> Cell:
    words, colour = _LEFT_OUT[source.reason] if source.reason else _PARTS[source.role]
    return Cell(
        price=price_words.price_of(source),
        age=price_words.age(source.age_ms),
        distance=price_words.distance(source.distance),
        badge=_badge(words, colour),
        meaning=price_words.part_of(source),
    )


@cache
def _badge(words: str, colour: str) -> SafeString:
    """Rendered once: there are some hundred on a page, and ten kinds."""
    return badge(words, colour)


# Finding and sorting


def is_found(row: Row, query: str) -> bool:
    """Whether the market's name has the query in it, whatever stands between its letters: ethusd finds ETH/USD."""
    return _letters(query) in _letters(row.market.price_symbol)


def _letters(text: str) -> str:
    return "".join(letter for letter in text[:LONGEST_QUERY].upper() if letter.isalnum())


def _as_listed(row: Row) -> tuple[int, int]:
    return row.market.group_index, row.market.pair_index


def _missing_first(row: Row) -> tuple[bool, bool]:
    return not row.is_missing, not row.has_mark


def _oldest_first(row: Row) -> tuple[bool, int]:
    return not row.has_mark, row.view.mark.as_of_ms if isinstance(row.view.mark, MarkPrice) else 0


def _most_uncertain_first(row: Row) -> tuple[bool, Decimal]:
    return not row.has_mark, -row.view.mark.uncertainty if isinstance(row.view.mark, MarkPrice) else ZERO


def _furthest_first(row: Row) -> Decimal:
    return -max((abs(source.distance) for source in row.view.sources if source.distance is not None), default=ZERO)


ORDERS: Mapping[str, tuple[str, Callable[[Row], Any]]] = {
    "market": ("as the venue lists them", _as_listed),
    "missing": ("without a price first", _missing_first),
    "age": ("oldest price first", _oldest_first),
    "uncertainty": ("most uncertain first", _most_uncertain_first),
    "distance": ("largest disagreement first", _furthest_first),
}
