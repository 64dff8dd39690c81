"""Placing: the decision, what it reserves, and every reason for a denial."""

import datetime as dt
from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_order
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, toast, words
from trading import risk_inputs
from trading.errors import PricesUnreachable
from trading.models import Order
from trading.services import orders, placing
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def place(person: Person, order: Order) -> Order:
    return placing.place(trader=person.trader, order_id=order.pk)


def codes(order: Order) -> list[str]:
    return [denial["code"] for denial in order.decision["denials"]]


@pytest.fixture
def roomy(settings: Settings) -> None:
    """Limits so wide that only the balance binds."""
    settings.HOURLY_VOLUME_USD = settings.DAILY_VOLUME_USD = D(100_000)
    settings.MAX_ACCOUNT_RISK_PCT = D(1)
    settings.MAX_DAILY_LOSS_PCT = D(1)


def test_an_approval_reserves_collateral_and_open_fee(ada: Person, eth: Market) -> None:
    order = place(ada, ada.drafts("/long ETH 100 10x sl=2900"))
    assert order.state == "APPROVED"
    held = risk_inputs.holdings(ada.trader, "DRY")
    assert sum(risk_inputs.reserved(pending) for pending in held.pending) == D("100.45")
    assert held.free_usd == D(10_000)
    assert "Reserved by orders under way  100.45" in ada.answer("/balance")


def test_two_confirmations_that_fit_only_once_approve_only_one(ada: Person, eth: Market, roomy: None) -> None:
    first, second = ada.drafts("/long ETH 6000 2x sl=2900"), ada.drafts("/long ETH 6000 2x sl=2900")
    assert place(ada, first).state == "APPROVED"
    denied = place(ada, second)
    assert denied.state == "DENIED"
    assert codes(denied) == ["margin"]
    assert D(denied.decision["max_collateral_usd"]) < D(4000)


def test_a_canceled_order_gives_back_what_it_reserved(ada: Person, eth: Market, roomy: None) -> None:
    first, second = ada.drafts("/long ETH 6000 2x sl=2900"), ada.drafts("/long ETH 6000 2x sl=2900")
    place(ada, first)
    orders.cancel(trader=ada.trader, order_id=first.pk)
    assert place(ada, second).state == "APPROVED"


def test_drafts_reserve_nothing(ada: Person, eth: Market, roomy: None) -> None:
    for _ in range(3):
        ada.drafts("/long ETH 6000 2x sl=2900")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/long ETH 1500 10x", ["account_risk", "hourly_volume"]),
        ("/long ETH 5 10x", ["min_notional"]),
        ("/long ETH 20 200x", ["leverage"]),
        ("/long ETH 100 10x sl=3100", ["stop_wrong_side"]),
        ("/long ETH 100 10x sl=2700", ["liquidation_buffer", "stop_beyond_liquidation", "stop_too_far"]),
        ("/short ETH 100 10x sl=2900", ["stop_wrong_side"]),
        ("/long ETH 100 10x tp=2900", ["take_profit_wrong_side"]),
        ("/long ETH 100 10x tp=300%", ["take_profit_too_far"]),
        ("/long ETH 20000 2x", ["margin", "account_risk", "daily_loss", "hourly_volume"]),
        (
            "/long ETH 10000 75x",
            ["position_size", "margin", "account_risk", "daily_loss", "hourly_volume", "daily_volume"],
        ),
    ],
)
def test_a_denied_opening_lists_every_reason(ada: Person, eth: Market, typed: str, expected: list[str]) -> None:
    owed = ada.types(typed)
    (order,) = ada.orders
    assert order.state == "DENIED"
    assert codes(order) == expected
    assert order.reason == ",".join(expected)
    assert words(owed).count("•") == len(expected)
    assert "✅ Confirm" not in buttons(owed)


def test_the_worked_example_names_the_size_and_the_stop_that_would_pass(ada: Person, eth: Market) -> None:
    shown = ada.answer("/long ETH 1500 10x")
    assert "You could lose 1,500.00 USDC here; the limit for one position is 1,000.00 USDC." in shown
    assert "up to 1,000.00 USDC of collateral" in shown
    assert "with a stop at" in shown


def test_what_was_named_as_passing_passes(ada: Person, eth: Market) -> None:
    ada.types("/long ETH 20000 2x")
    largest = D(ada.orders[0].decision["max_collateral_usd"])
    assert ada.drafts(f"/long ETH {largest} 2x").state == "DRAFT"


def test_a_disabled_trader_opens_nothing(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    trader = ada.trader
    trader.is_active = False
    trader.save()
    owed = ada.taps(f"confirm:{order.pk}")
    assert toast(owed) == "Denied. The card says why."
    assert "disabled openings for you" in words(owed)
    order.refresh_from_db()
    assert (order.state, order.reason) == ("DENIED", "trader_disabled")


def test_a_disabled_trader_gets_no_preview_either(ada: Person, eth: Market) -> None:
    ada.types("/start")
    trader = ada.trader
    trader.is_active = False
    trader.save()
    assert "disabled openings for you" in ada.answer("/long ETH 100 10x")
    assert [order.state for order in ada.orders] == ["DENIED"]


def test_while_an_order_is_unknown_a_further_opening_in_its_market_is_denied(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    ada.types("/start")
    btc = make_market("BTC/USD")
    price("BTC/USD", "60000")
    make_order(trader=ada.trader, market=eth, state="UNKNOWN")
    assert "is not known yet. Closing works." in ada.answer("/long ETH 100 10x")
    assert ada.drafts("/long BTC 100 10x").market_id == btc.pk


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_outside_active_nothing_is_approved(ada: Person, eth: Market, state: TradingState) -> None:
    order = ada.drafts("/long ETH 100 10x")
    trading_state.change(state, actor="test", reason="a test")
    denied = place(ada, order)
    assert (denied.state, codes(denied)) == ("DENIED", ["trading_state"])
    said = {
        TradingState.REDUCING: "being wound down: no openings",
        TradingState.HALTED: "is halted: nothing is sent to",
    }
    assert said[state] in ada.answer("/long ETH 100 10x")


def test_without_redis_nothing_opens_and_a_confirmation_waits(ada: Person, eth: Market, redis_down: None) -> None:
    assert "no price" in ada.answer("/long ETH 100 10x")
    order = make_order(trader=ada.trader, market=eth)
    with pytest.raises(PricesUnreachable):
        place(ada, order)
    order.refresh_from_db()
    assert order.state == "DRAFT"


def test_a_price_that_went_stale_after_the_preview_denies(ada: Person, eth: Market, price: SetPrice) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3000", age_ms=6_000)
    denied = place(ada, order)
    assert (denied.state, codes(denied)) == ("DENIED", ["price_unavailable"])


def test_the_order_keeps_every_check_and_the_price_that_it_was_decided_by(ada: Person, eth: Market) -> None:
    order = place(ada, ada.drafts("/long ETH 100 10x sl=2900"))
    order.refresh_from_db()
    assert order.decision["price"]["mark"] == "3000"
    assert order.decision["price"]["sources"] == ["avantis"]
    asked = {check["code"] for check in order.decision["checks"]}
    assert {"leverage", "margin", "account_risk", "liquidation_buffer", "position_size"} <= asked
    assert all(check["passed"] for check in order.decision["checks"])


def test_the_drafts_of_others_do_not_count_as_ones_own(ada: Person, grace: Person, eth: Market, roomy: None) -> None:
    place(ada, ada.drafts("/long ETH 6000 2x sl=2900"))
    assert place(grace, grace.drafts("/long ETH 6000 2x sl=2900")).state == "APPROVED"


def test_an_expired_draft_is_not_decided(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    Order.objects.filter(pk=order.pk).update(valid_until=clock.now() - dt.timedelta(milliseconds=1))
    ended = place(ada, order)
    assert (ended.state, ended.reason, ended.decision["denials"]) == ("EXPIRED", "draft_expired", [])
