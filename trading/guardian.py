"""Holding prices against open positions: what is crossed becomes closing orders of the ordinary pipeline.

DRY only: LIVE positions are liquidated and stopped by the venue; of them the guardian says when they come close.
"""

from collections.abc import Mapping

import structlog
from django.db import InterfaceError, OperationalError, transaction

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from trading import buffers, missed, triggers
from trading.errors import NoOpenPosition
from trading.evaluation import Evaluated
from trading.models import Position
from trading.models.loading import with_market
from trading.services import positions
from trading.services.orders import Origin
from trading.triggers import Range
from vanta import clock, tracing
from vanta.money import ONE

log = structlog.get_logger(__name__)
Marks = Mapping[Market, MarkPrice]


def close_crossed() -> int:
    """Watch every market that somebody has a position in, once; answers how many closings were approved.

    A stretch that nobody watched (Vanta was down, the market had no price, or trading was halted) is evaluated first,
    on its candles. Without a trusted price nothing is done.
    """
    now = clock.now()
    held = triggers.held_markets()
    trading = [market for market in held if market.is_open_at(now)]
    found = feeds.mark_prices([market.symbol for market in trading]) if trading else {}
    marks = {market: mark for market in trading if isinstance(mark := found[market.symbol], MarkPrice)}
    if trading_state.current() is TradingState.HALTED:
        # Nothing may be submitted, and asking each second would leave a denied order each second.
        buffers.watch(_ranges(marks), halted=True)
        return 0
    waiting, closed = set[Market](), 0
    late = missed.behind(held, now)
    for market in late:
        if market not in marks:
            continue
        history = missed.history(market, now)
        if history is None:
            waiting.add(market)
        else:
            closed += _close_missed(market, history)
    closed += watch({market: mark for market, mark in marks.items() if market not in waiting})
    unwatched = [market for market in trading if market not in marks]
    # What a market missed before it closed is evaluated when it opens: nothing can be closed until then.
    waiting.update(unwatched, [market for market in late if market not in trading])
    missed.advance(now, but=waiting)
    return closed


def watch(marks: Marks) -> int:
    """Close every DRY position whose liquidation price, stop or take-profit a mark has reached; mind the buffers."""
    ranges = _ranges(marks)
    crossed = triggers.crossed(ranges)
    found = Position.objects.filter(pk__in=crossed).select_related("trader")
    closed = sum(_close(position, crossed[position.pk]) for position in found)
    buffers.watch(ranges, halted=False)
    return closed


def _close_missed(market: Market, history: missed.History) -> int:
    """Close what the missed candles crossed, at the price and the time at which they did."""
    seen, closed = set[int](), 0
    while history.bars and (found := missed.candidates(market, history, but=seen)):
        seen.update(found)
        for position in with_market(Position.objects.filter(pk__in=found), "trader"):
            evaluated = missed.evaluate(position, history)
            closed += _close(position, evaluated.reason, evaluated) if evaluated else 0
    return closed


def _ranges(marks: Marks) -> dict[int, Range]:
    return {market.pk: Range(mark.price, mark.price) for market, mark in marks.items()}


def _close(position: Position, reason: str, evaluated: Evaluated | None = None) -> int:
    """Approve closing all of it; once, however many guardians run: what is being closed already is left out."""
    with tracing.bind_trace("", position_id=position.pk):
        try:
            _approve(position, reason, evaluated)
        except NoOpenPosition:
            return 0  # somebody closed it in between
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("closing_failed", reason=reason)  # a defect at one position must not keep the others' stops
            return 0
        log.info("position_crossed", reason=reason, trader_id=position.trader_id, is_missed=evaluated is not None)
    return 1


@transaction.atomic
def _approve(position: Position, reason: str, evaluated: Evaluated | None) -> None:
    positions.close(
        trader=position.trader,
        positions=[position],
        share=ONE,
        origin=Origin(chat_id=position.trader.chat_id),
        reason=reason,
        evaluated=evaluated,
    )
    if evaluated is not None:
        missed.tell_if_stuck(position)
