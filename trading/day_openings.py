"""What accounts held at 00:00 UTC: as it was written down then, else worked out from the ledger, the fills and candles.

Working it out needs no process to have been up at midnight. It holds under the traders' locks only: fills and balances
move together there.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import DecimalField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from feeds import selectors as feeds
from feeds.candles import price_history
from trading import valuation
from trading.models import Account, DayOpening, Fill, LedgerEntry, LedgerTransaction, Order, Position, PositionEvent
from trading.models.loading import with_market
from trading.models.traders import Mode
from vanta.money import ZERO, quantize_usdc

AccountKey = tuple[int, str]  # trader id and execution mode
PricesThen = dict[str, Decimal | None]  # at 00:00 UTC, by market; None where there is none to be found
A = LedgerEntry.Account
MINUTE = dt.timedelta(minutes=1)
# History is only given where it is there from its beginning.
LOOK_BACK = (MINUTE, 5 * MINUTE, 60 * MINUTE, dt.timedelta(days=1))
SECONDS_PER_HOUR = 3600
_USD: "DecimalField[Decimal, Decimal]" = DecimalField(max_digits=24, decimal_places=6)


@dataclass(frozen=True, slots=True)
class Funds:
    """An account's free balance, all deposits less withdrawals that it ever had, and what rests."""

    free_usd: Decimal = ZERO
    deposited_usd: Decimal = ZERO
    escrow_usd: Decimal = ZERO


def funds(trader_ids: Collection[int]) -> dict[AccountKey, Funds]:
    """Of every account of these traders; in one statement, so that the balance holds exactly these deposits."""
    rows = (
        Account.objects.filter(trader__in=trader_ids)
        .annotate(deposited_usd=-_booked(A.DEPOSITS), escrow_usd=_booked(A.ESCROW))
        .values_list("trader_id", "mode", "free_balance_usd", "deposited_usd", "escrow_usd")
    )
    return {(trader_id, mode): Funds(*amounts) for trader_id, mode, *amounts in rows}


def _booked(account: LedgerEntry.Account) -> Coalesce:
    """The sum of all that an `Account`'s trader has had booked there."""
    entries = LedgerEntry.objects.filter(trader=OuterRef("trader"), mode=OuterRef("mode"), account=account)
    total = entries.values("mode").annotate(total=Sum("amount_usd")).values("total")
    return Coalesce(Subquery(total, output_field=_USD), ZERO, output_field=_USD)


def day_openings(
    trader_ids: Collection[int], accounts: Iterable[AccountKey], now: dt.datetime
) -> dict[AccountKey, DayOpening]:
    """Today's opening of each of these traders' accounts; one without `pk` is not written down yet."""
    written = DayOpening.objects.filter(trader__in=trader_ids, day=now.date())
    known = {(opening.trader_id, opening.mode): opening for opening in written}
    missing = {key[0] for key in accounts if key not in known}
    return (reconstructed(missing, now) | known) if missing else known


def write_down(openings: Iterable[DayOpening], *, is_final: bool = False) -> None:
    """Keep what was worked out under the traders' locks; what somebody wrote before stays.

    An account that holds nothing yet has no opening: what is paid in later today is to be its own. One whose positions
    nobody has watched until midnight waits, unless `is_final`: a closing that was missed yesterday is yesterday's.
    """
    new = [each for each in openings if (each.free_usd or each.collateral_usd) and each.pk is None]
    if new and not is_final:
        traders = {each.trader_id for each in new}
        waiting = set(unwatched_before(new[0].day).filter(trader__in=traders).values_list("trader_id", "mode"))
        new = [each for each in new if (each.trader_id, each.mode) not in waiting]
    DayOpening.objects.bulk_create(new, ignore_conflicts=True)


def unwatched_before(day: dt.date) -> QuerySet[Position]:
    """Open positions that something may still turn out to have ended before this day began."""
    begin = dt.datetime.combine(day, dt.time(), dt.UTC)
    return Position.objects.filter(
        status=Position.Status.OPEN, mode=Mode.DRY, opened_at__lt=begin, market__watch__watched_until__lt=begin
    )


def reconstructed(
    trader_ids: Collection[int], now: dt.datetime, prices: PricesThen | None = None
) -> dict[AccountKey, DayOpening]:
    """What every account of these traders held when today began, a statement for each kind of row.

    An account that held nothing begins its day with what was paid in today. `prices` are those that were looked up
    before for this day; what is looked up is added to them.
    """
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    moved = _moved_since(trader_ids, begin)
    held: dict[AccountKey, list[Position]] = {}
    for position in _positions_at(trader_ids, begin):
        held.setdefault((position.trader_id, position.mode), []).append(position)
    then = {} if prices is None else prices
    for market in {position.market for positions in held.values() for position in positions}:
        if market.symbol not in then:
            then[market.symbol] = _price_at(market.symbol, begin)
    known = {symbol: price for symbol, price in then.items() if price is not None}
    return {
        account: _opening(account, now_held, moved, held.get(account, []), known, begin.date())
        for account, now_held in funds(trader_ids).items()
    }


def _opening(
    account: AccountKey,
    now_held: Funds,
    moved: Mapping[tuple[int, str, str], Decimal],
    positions: Collection[Position],
    prices: Mapping[str, Decimal],
    day: dt.date,
) -> DayOpening:
    def since(name: str) -> Decimal:
        return moved.get((*account, name), ZERO)

    free = now_held.free_usd - since(A.FREE)
    escrow = now_held.escrow_usd - since(A.ESCROW)
    deposited = now_held.deposited_usd
    if free <= ZERO and not positions and not escrow:
        free = -since(A.DEPOSITS)
    else:
        deposited += since(A.DEPOSITS)  # deposits flow out of that account: they are negative there
    unrealised = sum(
        (
            valuation.position_pnl(position, prices.get(position.market.symbol, position.entry_price))
            for position in positions
        ),
        ZERO,
    )
    symbols = sorted({position.market.symbol for position in positions} & set(prices))
    return DayOpening(
        trader_id=account[0],
        mode=account[1],
        day=day,
        free_usd=free,
        collateral_usd=sum((position.collateral_usd for position in positions), escrow),
        unrealised_usd=quantize_usdc(unrealised),
        deposited_usd=deposited,
        prices={symbol: str(prices[symbol]) for symbol in symbols},
    )


def _moved_since(trader_ids: Collection[int], begin: dt.datetime) -> dict[tuple[int, str, str], Decimal]:
    sums = (
        LedgerEntry.objects.filter(
            trader__in=trader_ids, transaction__at__gte=begin, account__in=[A.FREE, A.DEPOSITS, A.ESCROW]
        )
        .values_list("trader_id", "mode", "account")
        .annotate(total=Sum("amount_usd"))
    )
    return {(trader_id, mode, account): total for trader_id, mode, account, total in sums}


def _positions_at(trader_ids: Collection[int], begin: dt.datetime) -> list[Position]:
    """Positions as they were then, never to be saved: with what closings took out since, without what was put in."""
    open_then = Position.objects.filter(
        Q(closed_at__isnull=True) | Q(closed_at__gte=begin), trader__in=trader_ids, opened_at__lt=begin
    )
    positions = list(with_market(open_then))
    fills: dict[int, list[Fill]] = defaultdict(list)
    for fill in Fill.objects.filter(position__in=positions, at__gte=begin).select_related("order").order_by("-pk"):
        fills[fill.position_id].append(fill)
    added = _margin_since(trader_ids, begin)
    for position in positions:
        notional = position.notional_usd
        for fill in fills[position.pk]:  # the last first
            notional = _without(position, fill, notional)
        if position.pk in added or any(fill.order.kind == Order.Kind.INCREASE for fill in fills[position.pk]):
            position.collateral_usd -= added[position.pk]
            position.leverage = notional / position.collateral_usd
        position.accrued_usd += sum((fill.accrued_usd for fill in fills[position.pk]), ZERO)
        position.accrued_usd -= _accrued_since(position, begin)
    return positions


def _without(position: Position, fill: Fill, notional_usd: Decimal) -> Decimal:
    """Undo a fill in a position that had this notional after it; answers the notional before.

    A closing took a part of everything and left the entry price as it was; an increase moved it.
    """
    if fill.order.kind == Order.Kind.CLOSE:
        position.collateral_usd += fill.collateral_usd
        return notional_usd + fill.notional_usd
    before = notional_usd - fill.notional_usd
    coins = notional_usd / position.entry_price - fill.notional_usd / fill.price
    position.collateral_usd -= fill.collateral_usd
    if coins > ZERO and before > ZERO:
        position.entry_price = before / coins
    return before


def _margin_since(trader_ids: Collection[int], begin: dt.datetime) -> dict[int, Decimal]:
    """What was moved from the free balances into each position since."""
    moved = LedgerEntry.objects.filter(
        trader__in=trader_ids,
        account=A.COLLATERAL,
        transaction__kind=LedgerTransaction.Kind.MARGIN,
        transaction__at__gte=begin,
    )
    by_event = {
        int(reference.removeprefix("margin:")): amount_usd
        for reference, amount_usd in moved.values_list("transaction__reference", "amount_usd")
    }
    added: dict[int, Decimal] = defaultdict(Decimal)
    if by_event:
        for event in PositionEvent.objects.filter(pk__in=by_event):
            added[event.position_id] += by_event[event.pk]
    return added


def _accrued_since(position: Position, begin: dt.datetime) -> Decimal:
    """What rollover and funding have added since then, at today's rates."""
    until = max(position.closed_at or position.accrued_until, begin)
    market = position.market
    is_long = position.side == "long"
    rollover = market.rollover_rate_per_hour_long if is_long else market.rollover_rate_per_hour_short
    funding = market.funding_rate_per_hour_long if is_long else market.funding_rate_per_hour_short
    seconds = Decimal(int((until - begin).total_seconds()))
    return quantize_usdc(position.notional_usd * (rollover + funding) * seconds / SECONDS_PER_HOUR)


def _price_at(symbol: str, at: dt.datetime) -> Decimal | None:
    """What the minute of then opened with, else the last price before: of the day, or of a closed market."""
    if minute := price_history(symbol, at, at + MINUTE):
        return minute[0].open
    for back in LOOK_BACK:
        if before := price_history(symbol, at - back, at):
            return before[-1].close
    last = feeds.last_mark(symbol)
    return last.price if last and last.as_of_ms <= at.timestamp() * 1000 else None
