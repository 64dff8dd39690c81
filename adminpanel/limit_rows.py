"""What the page about limits shows: denials counted by code and trader, and how full limits are. Values in, words and
links out.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.urls import reverse
from django.utils.http import urlencode

from trading.denial_statistics import Activity, Denials
from trading.models import Trader
from trading.risk_usage import RiskUsage
from trading.selectors import WindowUsage
from vanta.money import HUNDRED, ONE, ZERO, format_number

TRADERS_SHOWN = 5
NEARLY = Decimal("0.8")
FULL_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """A count with the address of the orders that it counts; no address where there are none."""

    count: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code: all its denials, those of the traders who have a column, and of all others together."""

    words: str
    all: Cell
    by_trader: tuple[Cell, ...]
    others: int
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Matrix:
    """Codes as rows and traders as columns, both with the most denials first."""

    traders: tuple[Trader, ...]
    rows: tuple[CodeRow, ...]
    traders_in_all: int

    @property
    def has_others(self) -> bool:
        return self.traders_in_all > len(self.traders)


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of a limit is used; `percent` is what is drawn of it, never more than the whole."""

    text: str
    share: Decimal
    percent: int

    @property
    def level(self) -> str:
        """`full` where nothing more passes, `near` shortly before."""
        return "full" if self.share >= ONE else "near" if self.share >= NEARLY else ""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account: its rate limits and its day's budget. No meters where Redis could not be asked."""

    activity: Activity
    denied: Cell
    windows: tuple[Meter, ...]
    budget: Meter | None
    is_locked: bool


def matrix(denials: Sequence[Denials], traders: Mapping[int, Trader], since: dt.datetime) -> Matrix:
    """`traders` knows everybody who was denied something."""
    counts = {(each.code, each.trader_id): each.count for each in denials}
    by_code, by_trader, last_at = Counter[str](), Counter[int](), dict[str, dt.datetime]()
    for each in denials:
        by_code[each.code] += each.count
        by_trader[each.trader_id] += each.count
        last_at[each.code] = max(each.last_at, last_at.get(each.code, each.last_at))
    most_denied = sorted(by_trader, key=lambda trader_id: (-by_trader[trader_id], trader_id))
    shown = tuple(traders[trader_id] for trader_id in most_denied[:TRADERS_SHOWN])
    rows = []
    for code in sorted(by_code, key=lambda code: (-by_code[code], code)):
        cells = tuple(_cell(counts.get((code, trader.pk), 0), since, code, trader.pk) for trader in shown)
        others = by_code[code] - sum(cell.count for cell in cells)
        rows.append(CodeRow(spoken(code), _cell(by_code[code], since, code), cells, others, last_at[code]))
    return Matrix(shown, tuple(rows), len(by_trader))


def spoken(code: str) -> str:
    """A stable code as words."""
    return code.replace("_", " ").capitalize()


def _cell(count: int, since: dt.datetime, code: str = "", trader_id: int | None = None) -> Cell:
    return Cell(count, denied_orders_url(since, code, trader_id) if count else "")


def denied_orders_url(since: dt.datetime, code: str = "", trader_id: int | None = None) -> str:
    """The list of orders that were denied since, for one reason and of one trader where they are named."""
    asked = {"state__exact": "DENIED", "decided_at__gte": since.isoformat()}
    if code:
        asked["reason__regex"] = rf"(^|,){code}(,|$)"
    if trader_id is not None:
        asked["trader__id__exact"] = str(trader_id)
    return f"{reverse('admin:trading_order_changelist')}?{urlencode(asked)}"


# How full limits are


def account_row(
    activity: Activity, denied: int, since: dt.datetime, windows: Sequence[WindowUsage], risk: RiskUsage | None
) -> AccountRow:
    """`windows` are empty, and `risk` is None, where nobody could look."""
    return AccountRow(
        activity,
        _cell(denied, since, trader_id=activity.trader.pk),
        tuple(_meter(window.used, window.limit) for window in windows),
        _meter(risk.at_risk_usd, risk.day_limit_usd) if risk else None,
        bool(risk and risk.is_locked),
    )


def fullest_first(row: AccountRow) -> tuple[bool, Decimal, int]:
    """Locked accounts, then those nearest to a limit, then the most active."""
    meters = (*row.windows, *([row.budget] if row.budget else []))
    return not row.is_locked, -max((meter.share for meter in meters), default=ZERO), -row.activity.openings


def _meter(used: Decimal, limit: Decimal) -> Meter:
    share = used / limit if limit > ZERO else ONE if used > ZERO else ZERO
    drawn = min(int(share * HUNDRED), FULL_PERCENT)
    return Meter(f"{_whole(used)} of {_whole(limit)}", share, drawn)


def _whole(amount: Decimal) -> str:
    """To whole USDC: the page compares, it does not account."""
    return format_number(amount.quantize(ONE, rounding=ROUND_HALF_UP))
