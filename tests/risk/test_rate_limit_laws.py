"""Rate limits under any sequence of asks, times, losses of Redis and rollbacks, against a model of their own."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.rate_limits import Ask, Opening
from tests.risk.cases import LIMITS, NOW_MS
from tests.risk.opening_book import Book
from vanta import redis

pytestmark = pytest.mark.django_db  # for an empty Redis
D = Decimal
ASKS = st.lists(
    st.tuples(
        st.integers(0, 25),  # few ids: what was rolled back comes again
        st.integers(1, 7_000_000_000),  # units
        st.integers(0, 20_000_000),  # ms since the last
        st.sampled_from(["ask", "ask", "ask", "ask", "look", "flush", "roll back"]),
    ),
    max_size=40,
)


def spent(approved: dict[int, Opening], at_ms: int) -> dict[str, int]:
    """The independent model: sums over a plain list."""
    sums = {}
    for code, length_ms, counts in (
        ("opens_per_minute", 60_000, True),
        ("trades_per_day", 86_400_000, True),
        ("hourly_volume", 3_600_000, False),
        ("daily_volume", 86_400_000, False),
    ):
        inside = [each for each in approved.values() if each.at_ms > at_ms - length_ms]
        sums[code] = len(inside) if counts else sum(int(each.notional_usd * 10**6) for each in inside)
    return sums


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKS)
def test_no_window_ever_holds_more_than_its_limit_and_nothing_that_fits_is_refused(
    asked: list[tuple[int, int, int, str]],
) -> None:
    redis.client().flushdb()
    book = Book(replace(LIMITS, opens_per_minute=2, trades_per_day=8))
    most = {"opens_per_minute": 2, "trades_per_day": 8, "hourly_volume": 10**10, "daily_volume": 5 * 10**10}
    now = NOW_MS
    for order_id, amount, passed_ms, what in asked:
        now += passed_ms
        if what == "flush":
            redis.client().flushdb()
        if order_id in book.approved:
            continue
        ask = Ask(order_id, amount * D("0.000001"))
        before = dict(book.approved)
        used = spent(before, now)
        fits = all(used[code] + (amount if "volume" in code else 1) <= most[code] for code in most)
        (verdict,) = book.asks(ask, at_ms=now, binds=what != "look")
        assert verdict.is_granted == fits
        told = {code: standing.used for code, standing in verdict.usage.standings.items()}
        if not fits:  # until a refusal, what was rolled back may count
            assert told == {code: used[code] * (D("0.000001") if "volume" in code else 1) for code in used}
        if what == "roll back":
            book.approved = before
        inside = spent(book.approved, now)
        assert all(inside[code] <= most[code] for code in most)
