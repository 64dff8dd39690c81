"""Rate limits: at most so many openings a minute and a day, so much notional an hour and a day, in every interleaving.

Times are the argument that only tests pass; one test shows that without it Redis's own clock counts.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risk import rate_limits, window_script
from risk.rate_limits import Account, Ask, Opening, Question
from risk.usage import DAY_MS, HOUR_MS, MAX_LIMIT_UNITS, MINUTE_MS, WINDOWS, limit_units, units
from risk.values import Limits
from tests.risk.cases import LIMITS, NOW_MS, decide, order
from tests.risk.opening_book import ADA, WIDE, Book, nothing
from vanta import clock, redis

pytestmark = pytest.mark.django_db  # for an empty Redis
D = Decimal

BOUNDARIES: list[tuple[str, Limits, list[int], int]] = [  # window, limits, what fills it exactly, its length
    ("opens_per_minute", LIMITS, [100] * 5, MINUTE_MS),
    ("trades_per_day", replace(WIDE, trades_per_day=50), [100] * 50, DAY_MS),
    ("hourly_volume", LIMITS, [4000, 6000], HOUR_MS),
    ("daily_volume", replace(WIDE, daily_volume_usd=D(50000)), [10000] * 5, DAY_MS),
]


@pytest.mark.parametrize(("code", "limits", "amounts", "length_ms"), BOUNDARIES)
def test_the_limit_passes_and_one_more_only_when_the_oldest_has_left(
    code: str, limits: Limits, amounts: list[int], length_ms: int
) -> None:
    book = Book(limits)
    assert all(book.opens(number, usd, NOW_MS + number) for number, usd in enumerate(amounts, 1))
    last_ms = NOW_MS + 1 + length_ms
    (refused,) = book.asks(Ask(99, D("0.000001")), at_ms=last_ms - 1)
    standing = refused.usage.standings[code]
    assert (refused.is_granted, standing.retry_after_ms) == (False, 1)
    assert standing.used == (sum(amounts) if "volume" in code else len(amounts))
    assert book.opens(99, D("0.000001"), last_ms)


def test_a_millionth_of_a_usdc_above_the_volume_is_refused() -> None:
    book = Book()
    assert not book.opens(1, D("10000.000001"))
    assert book.opens(2, 10000)
    assert not book.opens(3, D("0.000001"))


def test_it_says_exactly_when_the_blocking_openings_have_left() -> None:
    book = Book(replace(WIDE, hourly_volume_usd=D(10000)))
    for number, usd in enumerate((3000, 3000, 4000)):
        book.opens(number, usd, NOW_MS + number * 60_000)
    now = NOW_MS + 600_000
    for usd, blocking in ((1, 0), (3000, 0), (3001, 1), (6000, 1), (6001, 2), (10000, 2)):
        (verdict,) = book.asks(Ask(9, D(usd)), at_ms=now)
        expected = NOW_MS + blocking * 60_000 + HOUR_MS - now
        assert verdict.usage.standings["hourly_volume"].retry_after_ms == expected
        assert not book.opens(9, usd, now + expected - 1)
    assert book.opens(9, 10000, now + expected)


def test_an_order_larger_than_the_window_never_passes() -> None:
    (verdict,) = Book().asks(Ask(1, D(10001)))
    assert verdict.usage.standings["hourly_volume"].retry_after_ms is None
    assert verdict.usage.standings["daily_volume"].retry_after_ms == 0


def test_a_limit_of_zero_lets_nothing_open() -> None:
    (verdict,) = Book(replace(LIMITS, trades_per_day=0)).asks(Ask(1, D(100)))
    assert (verdict.is_granted, verdict.usage.standings["trades_per_day"].retry_after_ms) == (False, None)


def test_what_one_window_refuses_is_taken_from_none() -> None:
    book = Book()
    book.opens(1, 9500)
    before = book.used()
    assert not book.opens(2, 1000)
    assert book.used() == before
    assert book.opens(3, 500)


def test_the_same_order_is_granted_again_and_counts_once() -> None:
    book = Book()
    for _ in range(7):
        assert book.opens(1, 6000)
    assert book.used()["opens_per_minute"] == 1
    assert book.used()["hourly_volume"] == 6000
    assert not book.opens(2, 6000)


def test_reading_takes_nothing() -> None:
    book = Book()
    book.opens(1)
    for _ in range(20):
        assert book.asks(Ask(0, D(100)), binds=False)[0].is_granted
    assert book.used()["opens_per_minute"] == 1


def test_openings_decided_together_see_each_other_and_what_follows_a_refusal_is_left_undecided() -> None:
    first, too_much, after = Book().asks(Ask(1, D(6000)), Ask(2, D(6000)), Ask(3, D(4000)))
    assert (first.is_granted, too_much.is_granted, after.is_granted, after.is_undecided) == (True, False, False, True)
    assert too_much.usage.standings["hourly_volume"].used == 6000


def test_an_order_that_other_checks_refuse_only_looks() -> None:
    book = Book()
    looked, took = book.asks(Ask(1, D(20000), consumes=False), Ask(2, D(9000)))
    assert (looked.is_granted, took.is_granted) == (False, True)
    assert book.used()["hourly_volume"] == 9000


def test_dry_and_live_and_every_trader_have_windows_of_their_own() -> None:
    for account in (ADA, Account(1, "LIVE"), Account(2, "DRY")):
        book = Book(account=account)
        assert book.opens(1, 10000)
        assert not book.opens(2, 1)


def test_each_trader_is_held_to_the_limits_of_their_own_policy() -> None:
    tight, wide = replace(LIMITS, opens_per_minute=1), replace(LIMITS, opens_per_minute=7)
    for limits, account, most in ((tight, ADA, 1), (wide, Account(2, "DRY"), 7)):
        book = Book(limits, account)
        assert [book.opens(number) for number in range(most + 1)] == [True] * most + [False]


def test_many_accounts_are_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    Book().opens(1)  # the script is loaded
    questions = [Question(Account(number, "DRY"), LIMITS, [Ask(number, D(100))]) for number in range(20)]
    rate_limits.decide(questions, nothing)  # the windows are loaded
    trips: list[str] = []
    send = redis.client().connection_pool.get_connection

    def counted(*arguments: Any, **options: Any) -> Any:
        trips.append("one")
        return send(*arguments, **options)

    monkeypatch.setattr(redis.client().connection_pool, "get_connection", counted)
    answers = rate_limits.decide(questions, nothing)
    assert all(verdict.is_granted for (verdict,) in answers)
    assert len(trips) == 1


def flushed() -> None:
    redis.client().flushdb()


def restarted_and_lost_its_last_second() -> None:
    """Redis comes up without the script, and with a window that misses its last openings."""
    run = str(redis.client().get(window_script.RUN_KEY))
    redis.client().zpopmax(rate_limits.KEY_PREFIX + "1:DRY", 2)  # the mark has the highest score
    redis.client().zadd(rate_limits.KEY_PREFIX + "1:DRY", {f"run:{run}": "+inf"})
    redis.client().script_flush()


@pytest.mark.parametrize("loss", [flushed, restarted_and_lost_its_last_second])
def test_a_redis_that_has_forgotten_is_told_again(loss: Callable[[], None]) -> None:
    book = Book()
    book.opens(1, 4000)
    book.opens(2, 6000)
    loss()
    assert book.used()["hourly_volume"] == 10000
    assert not book.opens(3, 1)
    assert book.opens(3, 1, NOW_MS + HOUR_MS)


def test_where_redis_remembers_nobody_is_asked_and_before_a_refusal_somebody_is() -> None:
    book = Book()
    book.opens(1)
    assert book.looked_up == 1
    for number in range(2, 6):
        book.opens(number)
    assert book.looked_up == 1
    assert not book.opens(6)
    assert book.looked_up == 2


def test_an_order_whose_transaction_was_rolled_back_is_granted_again_and_counts_from_then() -> None:
    book = Book()
    book.opens(1)
    book.approved.clear()
    book.opens(1, at_ms=NOW_MS + 1000)
    assert all(book.opens(number, at_ms=NOW_MS + 1000) for number in range(2, 6))
    assert not book.opens(6, at_ms=NOW_MS + MINUTE_MS + 999)
    assert book.opens(6, at_ms=NOW_MS + MINUTE_MS + 1000)


def test_an_order_that_is_refused_by_other_checks_the_second_time_gives_back_its_part() -> None:
    book = Book()
    book.opens(1, 10000)
    book.asks(Ask(1, D(10000), consumes=False))
    assert book.used()["hourly_volume"] == 0


def test_what_was_granted_but_never_approved_is_given_back() -> None:
    book = Book()
    assert book.opens(1, 10000)
    del book.approved[1]  # its transaction was rolled back
    assert book.opens(2, 10000)


def test_the_clock_is_redis_own_and_windows_end_by_themselves() -> None:
    rate_limits.decide([Question(ADA, LIMITS, [Ask(1, D(100))])], nothing)
    key = rate_limits.KEY_PREFIX + "1:DRY"
    at_ms = int(redis.client().zscore(key, f"1:{10**8}") or 0)
    seconds, micros = redis.client().time()
    assert 0 <= int(seconds) * 1000 + int(micros) // 1000 - at_ms < 5000
    assert DAY_MS - 5000 < int(redis.client().pttl(key)) <= DAY_MS


@pytest.mark.parametrize("ahead_s", [-7200, -70, 70, 7200])
def test_a_clock_that_disagrees_with_redis_neither_opens_nor_blocks(
    ahead_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was approved has the application's time, and replaces what Redis holds before any refusal."""
    seconds, micros = redis.client().time()
    begun_ms = (int(seconds) + ahead_s) * 1000 + int(micros) // 1000
    approved = [Opening(number, begun_ms - 1000, D(100)) for number in range(1, 5)]
    monkeypatch.setattr(clock, "now_ms", lambda: begun_ms)

    def asks(order_id: int) -> bool:
        questions = [Question(ADA, LIMITS, [Ask(order_id, D(100))])]
        return rate_limits.decide(questions, lambda _: {ADA: approved})[0][0].is_granted

    assert asks(5)
    approved.append(Opening(5, begun_ms, D(100)))
    assert not asks(6)
    approved[:] = [Opening(number, begun_ms - MINUTE_MS, D(100)) for number in range(1, 6)]
    assert asks(6)


def test_a_window_holds_no_more_than_a_day_of_openings() -> None:
    book = Book(WIDE)
    for number in range(100):
        book.opens(number, 1, NOW_MS + number * (DAY_MS // 10))
    assert redis.client().zcard(rate_limits.KEY_PREFIX + "1:DRY") <= 11


def test_amounts_are_exact_up_to_the_bound_and_nothing_passes_above_it() -> None:
    limit = replace(WIDE, hourly_volume_usd=D(10**12), daily_volume_usd=D(10**12))
    assert limit_units(WINDOWS[2], limit) == MAX_LIMIT_UNITS
    most = MAX_LIMIT_UNITS * D("0.000001")
    book = Book(limit)
    assert not book.opens(1, most + D("0.000001"))
    assert not book.opens(1, D(10**20))
    assert book.opens(1, most - D("0.000001"))
    assert not book.opens(2, D("0.000002"))
    assert book.opens(3, D("0.000001"))
    assert book.used()["daily_volume"] == most


def test_fractions_below_the_smallest_unit_count_as_one() -> None:
    assert units(D("0.00000001")) == 1


def test_a_clock_that_steps_back_gives_nothing_back() -> None:
    book = Book()
    for number in range(5):
        book.opens(number)
    assert not book.opens(6, 1, NOW_MS - 3_600_000)


def test_the_checks_say_of_the_numbers_what_redis_decided() -> None:
    book = Book()
    book.opens(1, 9500, NOW_MS)
    (verdict,) = book.asks(Ask(2, D(1000)), at_ms=NOW_MS + 48 * 60_000)
    decision = decide(order("100", "10"), usage=verdict.usage)
    (denial,) = decision.denials
    assert (denial.code, denial.measured, denial.limit, denial.used) == ("hourly_volume", D(10500), D(10000), D(9500))
    assert denial.max_collateral_usd == decision.max_collateral_usd == 50
    assert denial.max_leverage == 5
    assert denial.retry_after_s == 720
