"""What each command answers, and how openings are read."""

import datetime as dt
from decimal import Decimal

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_order, make_position
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, words
from tests.trading.pipeline import open_position
from trading.models import Order, Trader
from trading.telegram.commands import HANDLERS
from trading.telegram.menu import ADMIN_MENU, MENU
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("/long", ["Which market?", "For example"]),
        ("/long 100 ETH 10x", ["<code>100</code>: The market comes first"]),
        ("/long ETH", ["Understood: <code>ETH</code>", "How much collateral?"]),
        ("/long ETH 100", ["<code>100 USDC</code>", "How much leverage?"]),
        ("/long ETH lots 10x", ["<code>ETH</code> · <code>10x</code>", "<code>lots</code>: This is not an amount"]),
        ("/long ETH 100 10", ["<code>10</code>: There are two amounts"]),
        ("/long ETH -100 10x", ["<code>-100</code>: This is not an amount"]),
        ("/long ETH 0 10x", ["<code>0</code>: This has to be more than zero"]),
        ("/long ETH 100 0.5x", ["Leverage starts at 1x"]),
        ("/long ETH 100 10x sl=soon", ["<code>sl=soon</code>: Write a price"]),
        (
            "/long ETH 100 10x sl=200%",
            ["<code>100.00 USDC</code>", "<code>sl=200%</code>: With", "not a price above zero"],
        ),
        ("/short ETH 100 10x tp=100%", ["not a price above zero"]),
        ("/long ETX 100 10x", ["no market <code>ETX</code>", "<code>/long ETH/USD 100 10x</code>"]),
        ("/price", ["Which market?", "/price ETH"]),
        ("/price Narnia", ["no market <code>Narnia</code>", "/markets"]),
        ("/close", ["Which market?", "/close ETH 50%"]),
        ("/close ETH 500%", ["<code>500%</code>: How much of it?", "/close ETH 50%"]),
        ("/close ETH NaN%", ["<code>NaN%</code>: How much of it?", "/close ETH 50%"]),
        ("/close ETH 1e999%", ["<code>1e999%</code>: How much of it?"]),
        ("/long NOPE 100 10x", ["no market <code>NOPE</code>", "For example"]),
        ("/close ETH some", ["<code>some</code>: How much of it?"]),
        ("/close ETH", ["no open position"]),
        ("/close all", ["no open position"]),
        ("/close 12", ["no open position"]),
        ("/cancel", ["Nothing of yours is waiting", "/cancel 12"]),
        ("/cancel me", ["no market <code>me</code>", "/cancel all"]),
        ("/cancel ETH", ["Nothing of yours is waiting"]),
        ("/cancel all", ["Nothing of yours is waiting"]),
        ("/cancel 999", ["no such order"]),
        ("/why", ["Which order?", "/why 12"]),
        ("/why 999", ["no such order"]),
        ("/lnog ETH 100 10x", ["Did you mean /long?"]),
        ("/frobnicate", ["/help", "For example"]),
        ("long ETH 100 10x", ["begin with a slash", "For example"]),
    ],
)
def test_every_mistake_is_answered_with_what_was_understood_and_what_to_do(
    ada: Person, eth: Market, typed: str, parts: list[str]
) -> None:
    shown = ada.answer(typed)
    for part in parts:
        assert part in shown
    assert not ada.orders


def test_start_registers_a_trader_with_paper_money(ada: Person) -> None:
    assert "10,000.00" in ada.answer("/start")
    assert ada.trader.accounts.get().free_balance_usd == D(10_000)
    ada.types("/start")
    assert Trader.objects.filter(telegram_id=ada.id).count() == 1


def test_help_names_every_command(ada: Person) -> None:
    shown = ada.answer("/help")
    names = "long short close cancel positions orders balance price markets status why"
    for name in names.split():
        assert f"/{name}" in shown


def test_balance_shows_equity_and_what_positions_hold(ada: Person, eth: Market) -> None:
    ada.types("/start")
    make_position(trader=ada.trader, market=eth)
    shown = ada.answer("/balance")
    assert "10,099.45" in shown  # 10,000 free, 100 in the position, less spread and fee of closing: 0.10 + 0.45
    assert "(1 open)" in shown


def test_nothing_is_drafted_without_a_price(ada: Person, eth: Market, price: SetPrice) -> None:
    price("ETH/USD", "3000", age_ms=30_000)
    shown = ada.answer("/long ETH 100 10x")
    assert "no price for ETH/USD that Vanta trusts right now: every price that came is too old." in shown
    assert not ada.orders


def test_positions_show_pnl_and_the_way_to_liquidation(ada: Person, eth: Market, price: SetPrice) -> None:
    assert "no open positions" in ada.answer("/positions")
    position = make_position(trader=ada.trader, market=eth, stop_loss=D(2900))
    price("ETH/USD", "3030")
    owed = ada.types("/positions")
    shown = words(owed)
    for part in ("LONG ETH 10x", "3,030.00", "2,745.00", "9.41 % away", "2,900.00"):
        assert part in shown
    assert buttons(owed)["50%"] == f"close:{position.pk}:50:0"


def test_a_position_without_a_trusted_price_says_how_old_its_mark_is(
    ada: Person, eth: Market, price: SetPrice, last_known: SetPrice
) -> None:
    ada.types("/start")
    make_position(trader=ada.trader, market=eth)
    price("ETH/USD", "3000", age_ms=60_000)
    assert "mark —" in ada.answer("/positions")
    last_known("ETH/USD", "2990")
    assert "mark 2,990.00  (last known, 0." in ada.answer("/positions")


def test_orders_are_listed_newest_first(ada: Person, eth: Market) -> None:
    assert "no orders yet" in ada.answer("/orders")
    older, newer = (make_order(trader=ada.trader, market=eth, state="FILLED") for _ in range(2))
    shown = ada.answer("/orders")
    assert shown.index(f"#{newer.pk} ") < shown.index(f"#{older.pk} ")


def test_an_order_is_canceled_by_its_number(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    Order.objects.filter(pk=order.pk).update(card_message_id=5)
    said, card = ada.types(f"/cancel {order.pk}")
    assert "is canceled. Nothing was sent." in said.payload["text"]
    assert (card.method, card.order_id) == ("order_card", order.pk)
    assert "cannot be canceled any more. It was canceled before." in ada.answer(f"/cancel #{order.pk}")


def test_nobody_sees_or_cancels_the_orders_of_others(ada: Person, grace: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    assert "no such order" in grace.answer(f"/cancel {order.pk}")
    assert "no such order" in grace.answer(f"/why {order.pk}")
    assert "no open position" in grace.answer(f"/close {make_position(trader=ada.trader, market=eth).pk}")
    order.refresh_from_db()
    assert order.state == "DRAFT"


def test_why_tells_the_whole_chain_of_a_denied_order(ada: Person, eth: Market) -> None:
    ada.types("/long ETH 1500 10x")
    order = ada.orders[0]
    shown = ada.answer(f"/why {order.pk}")
    for part in (
        order.trace_id,
        "<b>DENIED</b>",
        "because of account risk",
        "✗ account_risk: worst loss  1,500.00 &gt; 1,000.00",
        "✗ hourly_volume: opened in an hour  15,000.00 &gt; 10,000.00",
        "✓ leverage  10x ≤ 75x",
        "trading state",
        "mark 3,000.00 from avantis",
    ):
        assert part in shown


def test_why_tells_what_was_sent_and_filled(ada: Person, eth: Market) -> None:
    open_position(ada)
    order = ada.orders[0]
    shown = ada.answer(f"/why #{order.pk}")
    for part in ("<b>SUBMITTING</b>", f"nonce <code>paper-{order.pk}</code>", "attempt 1 answered", "at 3,000.30"):
        assert part in shown
    assert shown.index("DRAFT") < shown.index("APPROVED") < shown.index("FILLED")


def test_status_tells_how_trading_stands(ada: Person) -> None:
    shown = ada.answer("/status")
    assert "<b>active</b>" in shown
    assert "DRY (system) · DRY (you)" in shown


@pytest.mark.parametrize(("state", "line"), [(TradingState.REDUCING, "Winding down"), (TradingState.HALTED, "halted")])
def test_every_answer_carries_the_state_while_trading_is_not_active(
    ada: Person, eth: Market, state: TradingState, line: str
) -> None:
    assert line not in ada.answer("/help")
    trading_state.change(state, actor="test", reason="a test")
    for typed in ("/help", "/balance", "/long ETH 100 10x", "/long", "nonsense"):
        assert ada.answer(typed).splitlines()[0].count(line) == 1


def test_a_closed_market_says_when_it_opens(ada: Person, price: SetPrice) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    price("EUR/USD", "1.08")
    shown = ada.answer("/long EUR 100 10x")
    assert "The market is closed until" in shown
    assert f"{opens:%H:%M} UTC" in shown


def test_outside_its_hours_a_market_is_closed_and_not_without_a_price(ada: Person) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    for typed in ("/long EUR 100 10x", "/price EUR"):
        assert f"closed until {opens:%a %d %b %H:%M} UTC" in ada.answer(typed)


def test_in_a_group_the_bot_shows_nothing_of_anybody(ada: Person, eth: Market) -> None:
    update = ada.text_update("/balance")
    update["message"]["chat"] = {"id": -100_500, "type": "supergroup"}
    (row,) = ada._handled(update)
    assert row.chat_id == -100_500
    assert "private chats" in row.payload["text"]
    assert not Trader.objects.exists()
    assert not Order.objects.exists()


def test_the_menu_shows_every_command_but_start() -> None:
    assert {*MENU, *ADMIN_MENU, "start"} == set(HANDLERS)
    assert not MENU.keys() & ADMIN_MENU.keys()
