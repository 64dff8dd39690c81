"""Protections turned on for tests (the one place that says how), and a guardian that looks when a test says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import Market
from risk import policies
from risk.models import RiskPolicy
from risk.values import Limits, Protections
from tests.trading.people import Person
from trading import guardian

Protect = Callable[..., None]


@pytest.fixture
def protect(monkeypatch: pytest.MonkeyPatch) -> Protect:
    """`protect(ada, cooldown_minutes=60)`: these protections are on for her, and for nobody else."""
    given: dict[int, Protections] = {}
    limits_for = policies.limits_for

    def protected(policy: RiskPolicy | None) -> Limits:
        limits = limits_for(policy)
        return replace(limits, protections=given[policy.pk]) if policy and policy.pk in given else limits

    def protect(person: Person, **terms: Any) -> None:
        person.types("/start")
        trader = person.trader
        trader.policy = RiskPolicy.objects.create(name=f"protects {person.id}")
        trader.save(update_fields=["policy"])
        given[trader.policy.pk] = Protections(**terms)

    monkeypatch.setattr(policies, "limits_for", protected)
    return protect


def look(market: Market) -> int:
    """The guardian holds the market's mark of now against its positions; answers how many closings it approved."""
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    assert isinstance(mark, MarkPrice)
    return guardian.watch({market: mark})
