"""Whose trade is it: one that no event tells of is an order's only where nothing else can have made it."""

import dataclasses
from decimal import Decimal

import pytest

from risk.margin import Side
from tests.trading.live.world import LiveTrader, claimed
from trading.models import Intent
from trading.venues.avantis import effects
from trading.venues.avantis.history import Execution
from trading.venues.avantis.trades import AtVenue, VenueTrade
from trading.venues.base import Filled

pytestmark = pytest.mark.django_db
D = Decimal


def found(intent: Intent, after_deadline_s: int = -10) -> VenueTrade:
    """A trade like the one that the order would have made."""
    opened_at_s = int(intent.deadline.timestamp()) + after_deadline_s
    return VenueTrade(0, 3, opened_at_s, Side.LONG, D("99.55"), D(10), D(3000), D(2700), None, None, accrued_usd=D(0))


def listed(intent: Intent, trade: VenueTrade, **changes: str) -> Execution:
    kept = intent.payload
    row = Execution(
        kind="open",
        trader=kept["trader"],
        nonce=intent.nonce,
        digest=kept["digest"],
        order_id="1",
        transaction_hash="0x1",
        reason="",
        pair_index=0,
        index=trade.index,
        opened_at_s=trade.opened_at_s,
        is_long=True,
        collateral_usd=D(100),
        leverage=D(10),
        price=D(3000),
        paid_out_usd=D(0),
        at_ms=0,
    )
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]


@pytest.fixture
def intent(live: LiveTrader) -> Intent:
    return claimed(live.approve()).intent


@pytest.mark.parametrize(("after_deadline_s", "is_ours"), [(-10, True), (0, True), (60, False), (3600, False)])
def test_a_trade_that_was_opened_after_the_deadline_is_another(
    intent: Intent, after_deadline_s: int, is_ours: bool
) -> None:
    trade = found(intent, after_deadline_s)
    assert isinstance(effects._opened(intent.order, intent, AtVenue((trade,), ())), Filled) is is_ours


@pytest.mark.parametrize(
    ("changes", "is_ours"),
    [({}, True), ({"nonce": "", "digest": ""}, True), ({"nonce": "77", "digest": "0x77"}, False),
     ({"nonce": "77", "digest": ""}, False), ({"nonce": "77", "digest": "0x77", "kind": "increase"}, True)],
    ids=repr,
)  # fmt: skip
def test_a_trade_that_history_says_another_message_made_is_another(
    intent: Intent, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], is_ours: bool
) -> None:
    trade = found(intent)
    monkeypatch.setattr(effects, "executions_of", lambda _: [listed(intent, trade, **changes)])
    assert isinstance(effects._opened(intent.order, intent, AtVenue((trade,), ())), Filled) is is_ours


def test_of_two_that_fit_the_one_that_nobody_else_made_is_taken(
    intent: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = found(intent)
    other = dataclasses.replace(mine, index=4)
    monkeypatch.setattr(effects, "executions_of", lambda _: [listed(intent, other, nonce="77", digest="0x77")])
    filled = effects._opened(intent.order, intent, AtVenue((other, mine), ()))
    assert isinstance(filled, Filled)
    assert filled.trade is not None
    assert filled.trade.index == mine.index
