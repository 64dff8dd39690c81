"""Bringing the books to what the venue says of a wallet: what was closed or opened elsewhere, margin, deposits.

Only while no order of the trader is under way: whatever differs then, no order of ours explains. Positions and balance
are read before anything is locked, and thrown away where something was booked meanwhile.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.db import transaction

from feeds.models import Market
from trading import alarms, balances, elsewhere, placed_elsewhere
from trading.keys.active import active_delegate, wallet_in_use
from trading.models import Account, Delegate, LedgerTransaction, Order, Position, PositionEvent, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT
from trading.placed_elsewhere import BooksDisputed
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.history import Execution, executions_of
from trading.venues.avantis.trades import AtVenue, VenueTrade, at_venue, wallet_balance
from vanta import clock, tracing
from vanta.money import ZERO

log = structlog.get_logger(__name__)
TradeName = tuple[int, int, int]  # pair, index, opened at
BEHIND = dt.timedelta(minutes=2)  # that the venue may be, with a trade that was closed
SAME_SIZE = Decimal("0.001")  # as a share of the notional
BELIEVED_AFTER = dt.timedelta(minutes=5)  # of a trade's absence that nothing explains


@dataclass(frozen=True, slots=True)
class Told:
    """What the venue says of one wallet, all at one moment."""

    held: AtVenue
    trades: dict[TradeName, VenueTrade]
    balance_usd: Decimal
    history: Sequence[Execution]


def reconcile_all() -> int:
    """Every trader with a wallet, one after the other; how many were looked at. Stops where the venue is away."""
    count = 0
    for trader in Trader.objects.filter(pk__in=Delegate.objects.exclude(address="").values("trader")).order_by("pk"):
        wallet = _wallet(trader)
        if wallet is None:
            continue
        with tracing.bind_trace("", trader_id=trader.pk):
            try:
                reconcile(trader, wallet)
            except VenueUnreachable as error:
                log.info("accounts_not_told", error=str(error))
                return count
        count += 1
    return count


def _wallet(trader: Trader) -> str | None:
    """The wallet whose trades are this trader's: of the active delegate, else of the last while something is open."""
    active = active_delegate(trader)
    if active is not None:
        return active.wallet_address
    return wallet_in_use(trader.pk)


def reconcile(trader: Trader, wallet: str) -> bool:
    """Book what differs; False where something was under way and nothing was done. Raises VenueUnreachable.

    What rests in the books and not at the venue, or the other way round a moment ago, is under way too.
    """
    if _in_flight(trader):
        return False
    last_changes = _last_changes(trader)
    told = _ask(trader, wallet)
    if told is None:
        return False
    try:
        with transaction.atomic():
            lock_traders([trader.pk])
            if _in_flight(trader) or _last_changes(trader) != last_changes:
                return False
            if placed_elsewhere.is_open_question(trader, told.held):
                return False
            _bring_together(trader, told)
    except BooksDisputed as error:
        _dispute(trader, str(error))
        return True
    if trader.disputed_since is not None:
        Trader.objects.filter(pk=trader.pk).update(disputed_since=None)
        alarms.lift(alarms.Kind.BOOKS, f"trader {trader.pk}")
    return True


def _ask(trader: Trader, wallet: str) -> Told | None:
    """None where trades or resting orders moved between two looks: the balance belongs to neither."""
    first = at_venue(wallet)
    balance = wallet_balance(wallet)
    held = at_venue(wallet)
    before, after = _by_name(first.trades), _by_name(held.trades)
    if first.limits != held.limits or {name: trade.collateral_usd for name, trade in before.items()} != {
        name: trade.collateral_usd for name, trade in after.items()
    }:
        return None
    gone = [position for position in _open(trader) if _taken(position, after) > ZERO]
    return Told(held, after, balance, executions_of(wallet) if gone else ())


def _bring_together(trader: Trader, told: Told) -> None:
    """What rests, closings, openings, margin and triggers, then whatever the balance still differs by."""
    account, _ = Account.objects.get_or_create(trader=trader, mode=Mode.LIVE)
    placed_elsewhere.bring_together(trader, told.held)
    account.refresh_from_db()
    held = {_name(position): position for position in _open(trader)}
    smaller = [
        position
        for position in held.values()
        if _taken(position, told.trades) > ZERO and not _is_as_large(position, told.trades.get(_name(position)))
    ]
    for position in smaller:
        if _is_another(position, told.trades.get(_name(position))):
            raise BooksDisputed(position_id=position.pk)
    rest = told.balance_usd - account.free_balance_usd
    if rest <= ZERO:
        _require_explained(trader, smaller, told.history)
    for position in smaller:
        elsewhere.book_closing(
            position,
            _taken(position, told.trades),
            told.history,
            unexplained_usd=rest if len(smaller) == 1 else None,
        )
    for name, trade in told.trades.items():
        known = held.get(name)
        if known is None:
            _adopt(trader, trade)
        elif _is_another(known, trade):
            raise BooksDisputed(position_id=known.pk)
        else:
            _follow(known, trade)
    account.refresh_from_db()
    _book_difference(trader, told.balance_usd - account.free_balance_usd)


def _require_explained(trader: Trader, smaller: Sequence[Position], history: Sequence[Execution]) -> None:
    """One empty answer of the venue ends nothing: its history has to tell of it, or it stays so for a while.

    Raises BooksDisputed.
    """
    since = trader.disputed_since
    if since is not None and clock.now() - since > BELIEVED_AFTER:
        return
    for position in smaller:
        if not elsewhere.unbooked(position, history):
            raise BooksDisputed(position_id=position.pk)


def _is_another(position: Position, trade: VenueTrade | None) -> bool:
    """Whether a trade of a position's name is on the other side: it cannot be the same."""
    return trade is not None and trade.side != position.side


def _adopt(trader: Trader, trade: VenueTrade) -> None:
    market = Market.objects.filter(pair_index=trade.pair_index).defer("venue_params").first()
    if market is None:
        raise BooksDisputed(pair_index=trade.pair_index)
    known = Position.objects.filter(
        trader=trader, market=market, venue_index=trade.index, venue_opened_at_s=trade.opened_at_s
    ).first()
    if known is None:
        elsewhere.book_opening(trader, market, trade)
    elif known.closed_at is not None and clock.now() - known.closed_at > BEHIND:
        _reopen(known, trade)  # before that, the venue may only be behind with the closing


def _reopen(position: Position, trade: VenueTrade) -> None:
    """Our books ended what the venue holds: it is there again, to be watched and closed, and a person is told."""
    if _is_another(position, trade):
        raise BooksDisputed(position_id=position.pk)
    position.status, position.closed_at, position.ended_by = Position.Status.OPEN, None, ""
    _move_margin(position, trade.collateral_usd)
    position.save(update_fields=["status", "closed_at", "ended_by", "collateral_usd"])
    alarms.raise_alarm(alarms.Kind.BOOKS, f"position {position.pk}", "closed in our books, open at the venue")
    _follow(position, trade)


def _follow(position: Position, trade: VenueTrade) -> None:
    """Take over what changed in an open trade without an order: margin, triggers, costs, liquidation price."""
    position.refresh_from_db()
    moved = trade.collateral_usd - position.collateral_usd
    if moved:
        _move_margin(position, moved)
    position.leverage, position.entry_price = trade.leverage, trade.entry_price
    position.liquidation_price = trade.liquidation_price or position.liquidation_price
    position.stop_loss, position.accrued_usd, position.accrued_until = trade.stop_loss, trade.accrued_usd, clock.now()
    if position.take_profit is not None:  # the venue sets one of its own, at the largest gain, where there is none
        position.take_profit = trade.take_profit
    position.save()


def _move_margin(position: Position, moved_usd: Decimal) -> None:
    """Book margin that came in, or went out where negative; the row is the caller's to save."""
    event = PositionEvent.objects.create(
        position=position,
        kind=PositionEvent.Kind.MARGIN_ADDED if moved_usd > ZERO else PositionEvent.Kind.MARGIN_TAKEN,
        detail={"amount_usd": str(moved_usd), "where": "venue"},
        trace_id=tracing.current_trace_id(),
    )
    position.collateral_usd += moved_usd
    balances.book_margin(position, moved_usd, reference=f"margin:{event.pk}")


def _book_difference(trader: Trader, difference_usd: Decimal) -> None:
    """A deposit into the wallet, or a withdrawal from it."""
    if not difference_usd:
        return
    kind = LedgerTransaction.Kind.DEPOSIT if difference_usd > ZERO else LedgerTransaction.Kind.WITHDRAWAL
    reference = f"{kind}:{trader.pk}:{Mode.LIVE}:{_last_booking(trader)}-{clock.now_ms()}"
    balances.book_transfer(trader, Mode.LIVE, difference_usd, kind=kind, reference=reference)
    log.info("wallet_moved", trader_id=trader.pk, amount_usd=difference_usd)


def _dispute(trader: Trader, detail: str) -> None:
    """No openings with real money until the books agree again, or somebody says so."""
    Trader.objects.filter(pk=trader.pk, disputed_since=None).update(disputed_since=clock.now())
    alarms.raise_alarm(alarms.Kind.BOOKS, f"trader {trader.pk}", detail)


def _in_flight(trader: Trader) -> bool:
    return Order.objects.filter(trader=trader, mode=Mode.LIVE, state__in=IN_FLIGHT).exists()


def _last_booking(trader: Trader) -> int:
    booked = LedgerTransaction.objects.filter(entries__trader=trader, entries__mode=Mode.LIVE).order_by("-pk")
    return booked.values_list("pk", flat=True).first() or 0


def _last_changes(trader: Trader) -> tuple[int, int]:
    """The last booking, and the last change of a position: stops are changed without one."""
    changed = PositionEvent.objects.filter(position__trader=trader, position__mode=Mode.LIVE).order_by("-pk")
    return _last_booking(trader), changed.values_list("pk", flat=True).first() or 0


def _open(trader: Trader) -> list[Position]:
    held = Position.objects.filter(
        trader=trader, mode=Mode.LIVE, status=Position.Status.OPEN, venue_index__isnull=False
    )
    return list(with_market(held))


def _name(position: Position) -> TradeName:
    return position.market.pair_index, position.venue_index or 0, position.venue_opened_at_s or 0


def _by_name(trades: Sequence[VenueTrade]) -> dict[TradeName, VenueTrade]:
    return {(trade.pair_index, trade.index, trade.opened_at_s): trade for trade in trades}


def _is_as_large(position: Position, trade: VenueTrade | None) -> bool:
    """Whether a trade with less collateral is as large as before: margin was withdrawn then, nothing closed."""
    if trade is None or trade.leverage == position.leverage:
        return False
    size = trade.collateral_usd * trade.leverage
    return abs(size - position.notional_usd) <= position.notional_usd * SAME_SIZE


def _taken(position: Position, trades: dict[TradeName, VenueTrade]) -> Decimal:
    """How much of a position's collateral the venue does not hold any more."""
    trade = trades.get(_name(position))
    return position.collateral_usd - (trade.collateral_usd if trade else ZERO)
