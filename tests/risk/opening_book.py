"""Asking the rate limits as trading does it, with a book in the place of PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from risk import rate_limits
from risk.rate_limits import Account, Ask, Opening, Openings, Question, Verdict
from risk.values import Limits
from tests.risk.cases import LIMITS, NOW_MS

D = Decimal
ADA = Account(1, "DRY")
WIDE = replace(
    LIMITS, opens_per_minute=10**6, trades_per_day=10**6, hourly_volume_usd=D(10**9), daily_volume_usd=D(10**9)
)


def nothing(accounts: Sequence[Account]) -> Openings:
    return {}


class Book:
    """What PostgreSQL would know: every granted opening; and the asking, as trading does it."""

    def __init__(self, limits: Limits = LIMITS, account: Account = ADA) -> None:
        self.limits, self.account = limits, account
        self.approved: dict[int, Opening] = {}
        self.looked_up = 0

    def look_up(self, accounts: Sequence[Account]) -> Openings:
        self.looked_up += 1
        return {self.account: list(self.approved.values())}

    def asks(self, *asks: Ask, at_ms: int = NOW_MS, **changes: Any) -> list[Verdict]:
        question = Question(self.account, self.limits, asks, at_ms=at_ms, **changes)
        (verdicts,) = rate_limits.decide([question], self.look_up)
        for ask, verdict in zip(asks, verdicts, strict=True):
            if verdict.is_granted and ask.consumes and changes.get("binds", True):
                self.approved.setdefault(ask.order_id, Opening(ask.order_id, at_ms, ask.notional_usd))
        return verdicts

    def opens(self, order_id: int, usd: Decimal | int = 100, at_ms: int = NOW_MS) -> bool:
        return self.asks(Ask(order_id, D(usd)), at_ms=at_ms)[0].is_granted

    def used(self, at_ms: int = NOW_MS) -> dict[str, Decimal]:
        usage = rate_limits.usage(self.account, self.limits, self.look_up, at_ms)
        return {code: standing.used for code, standing in usage.standings.items()}
