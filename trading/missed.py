"""Prices that passed while nobody watched: which markets missed a stretch, and its candles once they are there."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from feeds import candles
from feeds.models import Market, Resolution
from risk.margin import Side
from trading import outbox, triggers, valuation
from trading.evaluation import LIQUIDATION, Bar, Evaluated, Levels, first_crossing
from trading.models import MarketWatch, Order, Position, PositionEvent
from trading.models.traders import Mode
from trading.triggers import Range
from vanta.money import ZERO, quantize_price

log = structlog.get_logger(__name__)
GAP = dt.timedelta(seconds=5)  # the guardian looks each second; candles know of pauses from 5 s on
CANDLES_COME_WITHIN = dt.timedelta(minutes=3)  # a minute ends, settles at the venue, and is asked for
_LATE_COMMITS_S = 10  # an order ends a moment before others can see it
_COUNTED_FOR_S = 86_400
_LONGEST_PAUSE_S = 600
TOLD_AFTER = 5
_LOST = ("DENIED", "REJECTED", "CANCELED", "EXPIRED")
# A closing in the past that never was (halted, or the system went down under it) is to be found again: at once the
# first time, then after pauses that double: what the venue always refuses must not leave an order each second.
_GO_BACK = """
    UPDATE trading_marketwatch AS watch SET watched_until = lost.at
    FROM (SELECT each.market_id, min(each.at) AS at
          FROM (SELECT o.market_id, min(o.evaluated_at) AS at, w.watched_until, max(o.ended_at) + make_interval(secs =>
                       CASE count(*) WHEN 1 THEN 0 ELSE least(2 ^ least(count(*) - 1, 20), %(longest)s) END) AS due
                FROM trading_order o JOIN trading_position p ON p.id = o.position_id AND p.status = 'open'
                JOIN trading_marketwatch w ON w.market_id = o.market_id
                WHERE o.evaluated_at IS NOT NULL AND o.state = ANY(%(lost)s)
                  AND o.ended_at >= least(w.watched_until, %(now)s) - make_interval(secs => %(counted)s)
                GROUP BY o.position_id, o.market_id, w.watched_until) AS each
          WHERE each.due <= %(now)s AND each.due >= each.watched_until - make_interval(secs => %(late)s)
          GROUP BY each.market_id) AS lost
    WHERE watch.market_id = lost.market_id AND watch.watched_until > lost.at
"""
_ADVANCE = """
    INSERT INTO trading_marketwatch AS watch (market_id, watched_until)
    SELECT m.id, %(now)s FROM feeds_market m WHERE m.id <> ALL(%(but)s)
    ON CONFLICT (market_id) DO UPDATE
    SET watched_until = greatest(watch.watched_until, excluded.watched_until), behind_since = NULL, looked_at = NULL
"""


@dataclass(frozen=True, slots=True)
class History:
    """The bars of a missed stretch, oldest first, how long each is, and between which prices they lie."""

    bars: tuple[Bar, ...]
    span: dt.timedelta

    @property
    def range(self) -> Range:
        return Range(
            min((bar.low for bar in self.bars), default=ZERO), max((bar.high for bar in self.bars), default=ZERO)
        )

    @property
    def begin(self) -> dt.datetime:
        """Of its first bar; there has to be one."""
        return self.bars[0].start_at

    @property
    def end(self) -> dt.datetime:
        """Of its last bar."""
        return self.bars[-1].start_at + self.span


def behind(markets: Iterable[Market], now: dt.datetime) -> list[Market]:
    """Those of `markets` that have not been watched for more than GAP; a market never watched begins now.

    A market whose missed prices closed something that was then not carried out goes back to that time.
    """
    with connection.cursor() as cursor:
        terms: dict[str, Any] = {
            "lost": list(_LOST),
            "counted": _COUNTED_FOR_S,
            "longest": _LONGEST_PAUSE_S,
            "late": _LATE_COMMITS_S,
        }
        cursor.execute(_GO_BACK, {**terms, "now": now})
    late = set(
        MarketWatch.objects.filter(
            market__in=[market.pk for market in markets], watched_until__lt=now - GAP
        ).values_list("market_id", flat=True)
    )
    return [market for market in markets if market.pk in late]


def history(market: Market, now: dt.datetime) -> History | None:
    """What the price did since the market was last watched; None while its candles are still to come.

    They are waited for CANDLES_COME_WITHIN at most; then what there is has to do.
    """
    seen = MarketWatch.objects.get(pk=market.pk)
    is_complete = candles.is_complete(market.symbol, seen.watched_until, now)
    if not is_complete and _may_wait(seen, now):
        return None
    found = candles.price_history(market.symbol, seen.watched_until, now)
    bars = tuple(
        Bar(each.start_at, *map(quantize_price, (each.open, each.high, each.low, each.close))) for each in found
    )
    log.warning(
        "stretch_missed",
        market=market.symbol,
        since=seen.watched_until.isoformat(),
        candles=len(bars),
        is_complete=is_complete,
    )
    return History(bars, Resolution(found[0].resolution_s).span if found else dt.timedelta(0))


def _may_wait(seen: MarketWatch, now: dt.datetime) -> bool:
    """Whether the wait that began when the stretch was found may go on; a guardian that was away begins anew."""
    is_new = seen.behind_since is None or seen.looked_at is None or seen.looked_at < now - GAP
    since = now if is_new or seen.behind_since is None else seen.behind_since
    MarketWatch.objects.filter(pk=seen.pk, watched_until=seen.watched_until).update(behind_since=since, looked_at=now)
    return now - since < CANDLES_COME_WITHIN


def candidates(market: Market, missed: History, *, but: Collection[int]) -> set[int]:
    """Positions that the missed stretch may have ended, a part of them at a time; `evaluate` says whether it did."""
    crossed = triggers.crossed({market.pk: missed.range}, but=but)
    then = triggers.liquidated_then(market.pk, missed.range, missed.begin, missed.end, but=but)
    moved = _stops_moved(missed).filter(position__market=market, position__status=Position.Status.OPEN)
    moved = moved.filter(position__mode=Mode.DRY).exclude(position__in=but)
    return {*crossed, *then, *moved.values_list("position_id", flat=True)}


def evaluate(position: Position, missed: History) -> Evaluated | None:
    """What the missed stretch did to a position (with its market), at the levels that it had in each bar.

    Nothing before it was opened or its levels were set concerns it. Stops that were moved in the stretch held until
    then: nobody escapes one that was crossed by moving it before anybody has looked.
    """
    spells = _spells(position, missed)
    if len(spells) > 1:  # none has the bar in which stops were moved whole, and liquidation asks for no stops
        spells.append(Spell(None, None, position.watched_from))
    found = [_crossing(position, missed, spell) for spell in spells]
    ends = [each for each in found if each is not None]
    return min(ends, key=lambda each: (each.at, each.reason != LIQUIDATION), default=None)


@dataclass(frozen=True, slots=True)
class Spell:
    """Stops of a position, and from when until when it had them; None: to this day."""

    stop_loss: Decimal | None
    take_profit: Decimal | None
    since: dt.datetime
    until: dt.datetime | None = None


def _spells(position: Position, missed: History) -> list[Spell]:
    """The stops that a position had in a stretch, oldest first."""
    moves = list(_stops_moved(missed).filter(position=position).order_by("pk"))
    since = [position.watched_from, *(max(move.at, position.watched_from) for move in moves)]
    before = [_stops(move.detail["was"]) for move in moves]
    held = [*before, (position.stop_loss, position.take_profit)]
    until = [*since[1:], None]
    return [Spell(*stops, begin, end) for stops, begin, end in zip(held, since, until, strict=True)]


def _stops_moved(missed: History) -> QuerySet[PositionEvent]:
    return PositionEvent.objects.filter(kind=PositionEvent.Kind.STOPS_CHANGED, at__gt=missed.begin)


def _stops(detail: Mapping[str, str | None]) -> tuple[Decimal | None, Decimal | None]:
    stop, target = detail.get("stop_loss"), detail.get("take_profit")
    return Decimal(stop) if stop else None, Decimal(target) if target else None


def _crossing(position: Position, missed: History, spell: Spell) -> Evaluated | None:
    levels = Levels(
        side=Side(position.side),
        liquidation_at=lambda at: valuation.liquidation_price_at(position, at),
        stop_loss=spell.stop_loss,
        take_profit=spell.take_profit,
        watched_from=spell.since,
    )
    bars = (bar for bar in missed.bars if bar.start_at + missed.span > spell.since)
    return first_crossing(
        levels, (bar for bar in bars if spell.until is None or bar.start_at + missed.span <= spell.until)
    )


def tell_if_stuck(position: Position) -> None:
    """After a closing was approved, under its trader's lock: so many came to nothing that the admins should know."""
    lost = Order.objects.filter(position=position, evaluated_at__isnull=False, state__in=_LOST)
    if lost.count() != TOLD_AFTER:
        return  # each approval is one more try, so that they are told once
    told = {"position": position.pk, "market": position.market.symbol, "reason": lost.latest("pk").reason}
    for chat_id in {*settings.ADMIN_USER_IDS, *settings.SUPER_ADMIN_IDS}:
        outbox.owe(chat_id, outbox.CLOSING_STUCK, told)
    log.error("closing_stuck", position_id=position.pk, tries=TOLD_AFTER)


def advance(now: dt.datetime, *, but: Collection[Market]) -> None:
    """All markets are watched until now, those that nobody holds or that are closed as well, except for `but`."""
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, {"now": now, "but": [market.pk for market in but]})
