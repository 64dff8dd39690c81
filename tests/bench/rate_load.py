"""Our four rate limits in one script against the same four rules of the PyPI package `limits`, on the same Redis."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import count

import limits
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from risk import policies, rate_limits
from risk.rate_limits import Account, Ask, Openings, Question
from tests.bench.figures import Figure

TRADERS = 200
OPENINGS = (
    5  # of each trader: what the limits let through in a minute; the first, for which windows are made, is not timed
)
ROUNDS = 5
FIRST_TRADER = 900_000
NOTIONAL_USD = 100  # the least that the venue takes, in the package's favour: it stores an entry for each USDC
SAME_RULES = (
    (limits.RateLimitItemPerMinute(5), 1),
    (limits.RateLimitItemPerDay(50), 1),
    (limits.RateLimitItemPerHour(10_000, namespace="volume"), NOTIONAL_USD),
    (limits.RateLimitItemPerDay(50_000, namespace="volume"), NOTIONAL_USD),
)
# The package at its best: volume as a count of orders of one size, which is not the same rule.
COUNTS_ONLY = tuple(
    (rule, 1)
    for rule in (
        limits.RateLimitItemPerMinute(5),
        limits.RateLimitItemPerDay(50),
        limits.RateLimitItemPerHour(100, namespace="orders"),
        limits.RateLimitItemPerDay(500, namespace="orders"),
    )
)
Check = Callable[[int], bool]


def rate_figures() -> dict[str, Figure]:
    """Openings checked and counted per second, one at a time, ours over theirs; taken in turns."""
    traders, orders, bound = count(FIRST_TRADER), count(1), policies.global_limits()

    def ours(trader: int) -> bool:
        question = Question(Account(trader, "DRY"), bound, [Ask(next(orders), Decimal(NOTIONAL_USD))])
        return rate_limits.decide([question], nothing_before)[0][0].is_granted

    checks = {"ours": ours, "same": package(SAME_RULES), "counts": package(COUNTS_ONLY)}
    rates: dict[str, list[float]] = {name: [] for name in checks}
    for _ in range(ROUNDS):
        for name, check in checks.items():
            rates[name].append(checks_per_s(check, traders))
    rate = {name: statistics.median(taken) for name, taken in rates.items()}
    return {
        "rate_limit_vs_limits": Figure(
            rate["ours"] / rate["same"], "ratio", f"{rate['same']:.0f} checks/s of `limits`"
        ),
        "rate_limit_vs_limits_counts_only": Figure(
            rate["ours"] / rate["counts"], "ratio", f"{rate['counts']:.0f} checks/s of `limits`"
        ),
        "rate_limit_checks_per_s": Figure(rate["ours"], "checks/s", "—"),
    }


def package(rules: Sequence[tuple[limits.RateLimitItem, int]]) -> Check:
    """The rules one after the other; what one of them refuses, those before it have counted."""
    limiter = MovingWindowRateLimiter(RedisStorage(os.environ["REDIS_URL"]))
    return lambda trader: all(limiter.hit(rule, "bench", str(trader), cost=cost) for rule, cost in rules)


def checks_per_s(check: Check, traders: Iterator[int]) -> float:
    """All openings of new traders but the first, every one of them granted."""
    chosen = [next(traders) for _ in range(TRADERS)]
    granted = sum(map(check, chosen))
    started = time.perf_counter()
    granted += sum(check(trader) for _ in range(OPENINGS - 1) for trader in chosen)
    seconds = time.perf_counter() - started
    assert granted == TRADERS * OPENINGS, f"{granted} of {TRADERS * OPENINGS} were granted"
    return TRADERS * (OPENINGS - 1) / seconds


def nothing_before(accounts: Sequence[Account]) -> Openings:
    """New traders have opened nothing."""
    return {}
