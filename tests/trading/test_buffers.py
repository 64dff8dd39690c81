"""Coming close to liquidation: told once an approach, and what the trader chose is done."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_policy, make_position
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from trading import accrual, buffer_shares, buffers, execution, guardian
from trading.models import MarketWatch, Order, OutboxMessage, Position, Trader
from trading.models.positions import calm_share
from trading.services import positions
from trading.telegram import buffer_cards
from trading.triggers import Range
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
# `/long ETH 100 10x` at 3000: filled at 3000.3, liquidation 2745.2745; 5 % of the distance before that is 2758.025775,
# 10 % is 2770.77705.
IN_BUFFER, CALM = "2750", "2771"


def alerts() -> list[dict[str, Any]]:
    return [row.payload for row in OutboxMessage.objects.filter(method="buffer_alert").order_by("pk")]


def chooses(person: Person, action: str) -> None:
    Trader.objects.filter(telegram_id=person.id).update(buffer_action=action)


@pytest.mark.parametrize(
    ("typed", "moves_to", "told"),
    [
        ("/long ETH 100 10x", "2758.03", 0),
        ("/long ETH 100 10x", "2758.02", 1),
        ("/long ETH 100 10x", "2745.27", 0),  # liquidated: its card says so
        ("/short ETH 100 10x", "3241.92", 0),
        ("/short ETH 100 10x", "3241.95", 1),
        ("/long ETH 100 10x sl=2800", "2750", 0),  # stopped out before
    ],
)
def test_entering_the_buffer_is_told(
    ada: Person, eth: Market, price: SetPrice, typed: str, moves_to: str, told: int
) -> None:
    open_position(ada, typed)
    price("ETH/USD", moves_to)
    guardian.close_crossed()
    assert len(alerts()) == told


def test_it_is_told_once_and_again_only_after_the_price_was_well_out_of_it(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    open_position(ada)
    for moves_to, told in [
        (IN_BUFFER, 1),
        ("2749", 1),
        ("2765", 1),  # out of the buffer, not by twice of it
        (IN_BUFFER, 1),
        ("2770.77", 1),
        (CALM, 1),
        (IN_BUFFER, 2),
    ]:
        price("ETH/USD", moves_to)
        guardian.close_crossed()
        assert len(alerts()) == told, moves_to


def test_a_trader_who_chose_nothing_only_gets_the_alert(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert alerts()[0]["done"] == "none"
    assert not Order.objects.filter(kind="close").exists()


def test_half_is_closed_once_for_a_trader_who_chose_it(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    chooses(ada, "reduce")
    price("ETH/USD", IN_BUFFER)
    for _ in range(3):
        guardian.close_crossed()
        execution.drain()
    position.refresh_from_db()
    assert position.collateral_usd == D(50)
    (order,) = Order.objects.filter(kind="close")
    assert (order.reason, order.state) == ("liquidation_buffer", "FILLED")
    assert alerts()[0]["done"] == "reduced"
    assert_books_balance()


@pytest.mark.parametrize("denied_by", ["market_closed", "halted"])
def test_a_reduction_that_was_denied_is_not_told_as_done(ada: Person, eth: Market, denied_by: str) -> None:
    """The market closed, or trading was halted, after the guardian had looked."""
    open_position(ada)
    chooses(ada, "reduce")
    if denied_by == "halted":
        trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    else:
        Market.objects.update(group_index=2, is_open=False)
    assert buffers.watch({eth.pk: Range(D(IN_BUFFER), D(IN_BUFFER))}, halted=False) == 1
    assert [alert["done"] for alert in alerts()] == [denied_by]
    assert "nothing was done." in buffer_cards.alert(alerts()[0])["text"]
    assert Order.objects.get(kind="close").state == "DENIED"


def test_reductions_go_on_while_trading_is_wound_down(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    chooses(ada, "reduce")
    price("ETH/USD", IN_BUFFER)
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    guardian.close_crossed()
    assert Order.objects.filter(kind="close", state="APPROVED").count() == 1


@pytest.mark.parametrize("moves_to", [IN_BUFFER, "2700"])
def test_a_halt_leaves_the_alert_and_submits_nothing(ada: Person, eth: Market, price: SetPrice, moves_to: str) -> None:
    open_position(ada)
    chooses(ada, "reduce")
    price("ETH/USD", moves_to)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    guardian.close_crossed()
    guardian.close_crossed()
    assert [alert["done"] for alert in alerts()] == ["halted"]
    assert not Order.objects.filter(kind="close").exists()


def test_of_a_live_position_the_trader_is_only_told(ada: Person, eth: Market, price: SetPrice) -> None:
    ada.types("/start")
    chooses(ada, "reduce")
    make_position(trader=ada.trader, market=eth, mode="LIVE", stop_loss=D(2900))
    price("ETH/USD", "2740")
    assert guardian.close_crossed() == 0
    assert [alert["done"] for alert in alerts()] == ["none"]
    assert not Order.objects.filter(kind="close").exists()


def test_the_buffer_is_the_one_of_the_traders_policy(ada: Person, eth: Market, price: SetPrice) -> None:
    ada.types("/start")
    policy = make_policy("careful", liquidation_buffer_pct=D("0.2"))
    Trader.objects.filter(telegram_id=ada.id).update(policy=policy)
    position = open_position(ada)
    assert Position.objects.get(pk=position.pk).buffer_price == D("2796.2796")


@pytest.mark.parametrize(
    ("buffer_pct", "calm_at"),
    [
        ("0.05", "2770.77705"),
        ("0.3", "2898.28980"),
        ("0.4", "2923.79235"),
        ("0.5", "2936.543625"),
        ("0.9", "2987.548725"),
    ],
)
@pytest.mark.parametrize("side", ["long", "short"])
def test_every_buffer_is_left_before_the_entry(
    ada: Person, eth: Market, price: SetPrice, settings: Settings, side: str, buffer_pct: str, calm_at: str
) -> None:
    """At twice its width; halfway from its edge to the entry where that is nearer."""
    settings.LIQUIDATION_BUFFER_PCT = D(buffer_pct)
    entry, calm = D("3000.3"), D(calm_at)
    sign = 1 if side == "long" else -1
    held = make_position(
        market=eth,
        side=side,
        buffer_pct=D(buffer_pct),
        entry_price=entry,
        liquidation_price=entry - sign * D("255.0255"),
        buffer_entered_at=clock.now(),
    )
    assert calm_share(held.buffer_pct) < 1
    for moves_to, is_in_it in [(calm - D("0.001"), True), (calm, False)]:
        price("ETH/USD", entry - sign * (entry - moves_to))
        guardian.close_crossed()
        held.refresh_from_db()
        assert (held.buffer_entered_at is not None) is is_in_it


def test_a_changed_limit_moves_the_buffers_of_open_positions(ada: Person, eth: Market) -> None:
    position, other = open_position(ada), make_position()
    policy = make_policy("careful", liquidation_buffer_pct=D("0.2"))
    Trader.objects.filter(telegram_id=ada.id).update(policy=policy)
    assert buffer_shares.refresh() == 1
    assert Position.objects.get(pk=position.pk).buffer_pct == D("0.2")
    assert Position.objects.get(pk=other.pk).buffer_pct == D("0.05")
    assert buffer_shares.refresh() == 0


def test_costs_that_move_liquidation_move_the_buffer_with_it(eth: Market) -> None:
    market = make_market("BTC/USD", rollover_rate_per_hour_long=D("0.01"))
    position = make_position(market=market, accrued_until=clock.now() - dt.timedelta(hours=1))
    accrual.accrue_funding()
    position = Position.objects.get(pk=position.pk)
    assert abs(position.liquidation_price - D(2775)) < D("0.01")
    whole = D(3000) - position.liquidation_price
    assert abs(position.buffer_price - (position.liquidation_price + whole * D("0.05"))) < D("1e-9")


def test_a_partial_close_keeps_the_triggers_where_they_are(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900 tp=3300")
    before = Position.objects.filter(pk=position.pk)
    columns = ("liquidation_price", "stop_loss", "take_profit", "buffer_price", "calm_price")
    expected = before.values_list(*columns).get()
    close(ada, position, D("0.3"))
    execution.drain()
    assert before.values_list(*columns).get() == expected


def test_the_alert_has_the_numbers_and_buttons_of_the_moment_it_is_sent(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    card = buffer_cards.alert(alerts()[0])
    for words in ("2,750.00", "2,745.27", "1.9 % of the way left", "100.00 USDC"):
        assert words in card["text"]
    data = [button["callback_data"] for row in card["reply_markup"]["inline_keyboard"] for button in row]
    closings = [f"close:{position.pk}:50:0", f"close:{position.pk}:100:0"]
    assert data == [*closings, "buffer:reduce", "buffer:add_margin:100"]
    ada.taps(data[0])
    execution.drain()
    position.refresh_from_db()
    assert position.collateral_usd == D(50)


def test_the_button_chooses_what_is_done_from_then_on(ada: Person, eth: Market) -> None:
    ada.types("/start")
    for action, kept, cap in (
        ("reduce", "reduce", 0),
        ("nonsense", "reduce", 0),
        ("add_margin", "reduce", 0),
        ("add_margin:0", "reduce", 0),
        ("add_margin:-5", "reduce", 0),
        ("add_margin:1234567890", "reduce", 0),
        ("none:5", "reduce", 0),
        ("add_margin:100", "add_margin", 100),
        ("none", "none", 0),
    ):
        ada.taps(f"buffer:{action}")
        assert (ada.trader.buffer_action, ada.trader.buffer_cap_usd) == (kept, Decimal(cap)), action


def test_a_defect_at_one_position_stops_neither_the_alerts_of_others_nor_the_watching(
    ada: Person, grace: Person, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (ada, grace):
        open_position(person)
        chooses(person, "reduce")
    carried_out = positions.close

    def close_or_break(*, trader: Trader, **terms: Any) -> list[Order]:
        if trader.telegram_id == ada.id:
            raise ValueError("a defect of ours")
        return carried_out(trader=trader, **terms)

    monkeypatch.setattr(positions, "close", close_or_break)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert [row.chat_id for row in OutboxMessage.objects.filter(method="buffer_alert")] == [grace.id]
    assert MarketWatch.objects.filter(pk=eth.pk).exists()
