"""What finding the crossed triggers costs, with a thousand armed and with a million: rows in a transaction, undone."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection, transaction

from feeds.consensus import MarkPrice
from feeds.models import Market
from tests.factories import make_market, make_position
from trading import guardian, triggers
from trading.models import Position
from trading.triggers import Range
from vanta import clock

FEW, MANY = 1_000, 1_000_000  # armed: liquidation, stop and take-profit of each position
TRIGGERS_EACH = 3
CROSSED = 10  # at 3000, the same ones in both measurements
ROUNDS = 200
PRICE, BESIDE = Decimal(3000), Decimal("3010.5")  # the stops of CROSSED lie at 3010 and fire at or below it
# What each copy of the template has of its own; `n` counts the copies, the first CROSSED of which are longs.
_OWN = {
    "side": "CASE sign WHEN 1 THEN 'long' ELSE 'short' END",
    "liquidation_price": "3000 - sign * (900 - n * 0.001)",
    "stop_loss": "CASE WHEN n <= %(crossed)s THEN 3010 ELSE 3000 - sign * (400 - n * 0.001) END",
    "take_profit": "3000 + sign * (400 - n * 0.001)",
}
_COLUMNS = [str(field.column) for field in Position._meta.concrete_fields if not (field.primary_key or field.generated)]
_LOAD = f"""
    INSERT INTO trading_position ({", ".join(_COLUMNS)})
    SELECT {", ".join(_OWN.get(column, column) for column in _COLUMNS)}
    FROM trading_position AS template,
         (SELECT n, CASE WHEN n <= %(crossed)s OR n %% 2 = 0 THEN 1 ELSE -1 END AS sign
          FROM generate_series(%(first)s, %(last)s) AS n) AS numbered
    WHERE template.id = %(template)s
"""  # noqa: S608  (constants of this module)


@dataclass(frozen=True, slots=True)
class GuardianReport:
    """Seconds to find the crossed triggers of one market, and how often a second it can be watched in vain."""

    few_s: float
    many_s: float
    ticks_per_s: float

    @property
    def growth(self) -> float:
        return self.many_s / self.few_s


def measure_guardian() -> GuardianReport:
    """Watch one market with FEW, then with MANY triggers; nothing of it stays."""
    with transaction.atomic():
        market = make_market("BENCH/USD")
        template = make_position(market=market, liquidation_price=Decimal(1))
        _load(template, 1, FEW // TRIGGERS_EACH)
        beside = MarkPrice(market.symbol, BESIDE, Decimal(0), clock.now_ms(), (), ())
        ticks = 1 / _median_s(lambda: guardian.watch({market: beside}))
        few = _scan_s(market)
        _load(template, FEW // TRIGGERS_EACH + 1, MANY // TRIGGERS_EACH)
        many = _scan_s(market)
        transaction.set_rollback(True)
    return GuardianReport(few, many, ticks)


def _load(template: Position, first: int, last: int) -> None:
    terms = {"template": template.pk, "crossed": CROSSED, "first": first, "last": last}
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, terms)
        cursor.execute("ANALYZE trading_position")


def _scan_s(market: Market) -> float:
    here = {market.pk: Range(PRICE, PRICE)}
    assert len(triggers.crossed(here)) == CROSSED
    return _median_s(lambda: triggers.crossed(here))


def _median_s(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
