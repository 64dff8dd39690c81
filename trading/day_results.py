"""What today has brought all traders together so far, by execution mode; read for people, decided on by nobody.

An account's day is what its fills have booked since 00:00 UTC and what its unrealised PnL has changed by. That is its
equity now less that of midnight and what was paid in, as the daily loss has it.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from feeds import selectors as feeds
from trading import valuation
from trading.day_openings import AccountKey
from trading.models import DayOpening, LedgerEntry, Position
from trading.models.loading import with_market
from trading.models.traders import Mode
from vanta import clock
from vanta.money import ZERO, quantize_usdc

A = LedgerEntry.Account
COSTS_AND_PNL = (A.FEES, A.ACCRUED, A.PNL)
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class DayResult:
    """Of all accounts of one mode since 00:00 UTC, USDC. `unrealised_usd` is a change.

    `unopened` accounts held positions at midnight that nobody has written down yet: their change is all of their
    unrealised PnL. `unpriced` positions are in markets that never had a price, and count as at their entry.
    """

    mode: str
    realised_usd: Decimal
    unrealised_usd: Decimal
    traders: int
    in_loss: int
    unopened: int
    unpriced: int

    @property
    def total_usd(self) -> Decimal:
        return self.realised_usd + self.unrealised_usd


def day_results() -> list[DayResult]:
    """One for each mode, at the prices of now. Its cost grows with the open positions: keep the answer for a while."""
    now = clock.now()
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    openings = DayOpening.objects.filter(day=now.date()).values_list("trader_id", "mode", "unrealised_usd")
    opened = {(trader_id, mode): unrealised for trader_id, mode, unrealised in openings}
    held, carried, unpriced = _unrealised(begin)
    realised = _realised(begin)
    moved = {key for key, unrealised in opened.items() if unrealised} | held.keys() | realised.keys()
    unrealised = {key: held.get(key, ZERO) - opened.get(key, ZERO) for key in moved}
    unopened = Counter(mode for _, mode in carried - opened.keys())
    return [_of_mode(mode, realised, unrealised, unopened[mode], unpriced[mode]) for mode in Mode.values]


def _of_mode(
    mode: str,
    realised: Mapping[AccountKey, Decimal],
    unrealised: Mapping[AccountKey, Decimal],
    unopened: int,
    unpriced: int,
) -> DayResult:
    keys = [key for key in unrealised if key[1] == mode]
    return DayResult(
        mode=mode,
        realised_usd=sum((realised.get(key, ZERO) for key in keys), ZERO),
        unrealised_usd=quantize_usdc(sum((unrealised[key] for key in keys), ZERO)),
        traders=len(keys),
        in_loss=sum(realised.get(key, ZERO) + unrealised[key] < ZERO for key in keys),
        unopened=unopened,
        unpriced=unpriced,
    )


def _realised(begin: dt.datetime) -> dict[AccountKey, Decimal]:
    """What the accounts on the venue's side have received since, with its sign turned."""
    booked = LedgerEntry.objects.filter(transaction__at__gte=begin, account__in=COSTS_AND_PNL)
    sums = booked.values_list("trader_id", "mode").annotate(total=Sum("amount_usd")).order_by()
    return {(trader_id, mode): -received for trader_id, mode, received in sums}


def _unrealised(begin: dt.datetime) -> tuple[dict[AccountKey, Decimal], set[AccountKey], Counter[str]]:
    """Of every account with open positions; which of them held some at `begin`; how many have no price, by mode."""
    by_account: dict[AccountKey, Decimal] = defaultdict(Decimal)
    carried, unpriced = set(), Counter[str]()
    is_open = Position.objects.filter(status=Position.Status.OPEN)
    symbols = sorted(is_open.order_by().values_list("market__symbol", flat=True).distinct())
    prices = valuation.known_prices(feeds.mark_prices(symbols), symbols) if symbols else {}
    for position in with_market(is_open).iterator(chunk_size=CHUNK):
        key = (position.trader_id, position.mode)
        by_account[key] += valuation.position_pnl(position, prices.get(position.market.symbol, position.entry_price))
        unpriced[position.mode] += position.market.symbol not in prices
        if position.opened_at < begin:
            carried.add(key)
    return by_account, carried, unpriced
