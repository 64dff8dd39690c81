"""What people read: every card and every denial in words, with its numbers, in HTML that Telegram takes."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from risk.checks import CODES
from risk.trading_state import TradingState
from tests.factories import make_market, make_order
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import close, open_position
from trading import execution, guardian
from trading.models import Order
from trading.order_state import OrderState
from trading.telegram import cards, denial_words, messages
from vanta import clock
from vanta.money import ONE
from vanta.sandbox.telegram import formatting
from vanta.sandbox.telegram.keyboards import checked_markup

D = Decimal
NUMBERS = {
    "measured": "12.5",
    "limit": "10",
    "max_collateral_usd": "1000",
    "max_leverage": "75",
    "stop_price": "2850.5",
    "used": "9.5",
    "retry_after_s": "720",
}


def shown(payload: dict[str, Any]) -> str:
    """The words of a card as a person sees them; raises where Telegram would refuse it."""
    checked_markup(payload.get("reply_markup"))
    return formatting.parse(payload["text"], payload.get("parse_mode")).text


@pytest.mark.parametrize("code", [*CODES, "trader_disabled"])
def test_every_denial_has_words_of_its_own(code: str) -> None:
    detail = "2026-11-23T08:00:00+00:00" if code == "market_closed" else ""
    words = denial_words.denial({"code": code, **NUMBERS, "detail": detail})
    assert words.startswith("• ")
    assert words.splitlines()[0].endswith(".")
    assert code not in words
    assert code.replace("_", " ").capitalize() + "." not in words
    assert "—" not in words
    assert "passes up to 1,000.00 USDC of collateral, or up to 75x, or with a stop at 2,850.5" in words
    formatting.parse(words, "HTML")


@pytest.mark.parametrize("code", [*CODES, "trader_disabled", "a_code_from_the_future"])
def test_a_denial_without_numbers_still_reads(code: str) -> None:
    assert len(denial_words.denial({"code": code})) > len("• .")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("no_fresh_quote", ": every price that came is too old."),
        ("vetoed", ": an independent source contradicts the price."),
        ("a_new_one", ": a new one."),
    ],
)
def test_a_denial_for_want_of_a_price_says_why_there_is_none(reason: str, why: str) -> None:
    words = denial_words.denial({"code": "price_unavailable", "detail": reason})
    assert words == f"• No price can be trusted right now{why}"


def test_a_denial_that_nothing_would_cure_offers_nothing() -> None:
    assert "↳" not in denial_words.denial({"code": "margin", "measured": "5", "limit": "0", "max_collateral_usd": "0"})


@pytest.mark.django_db
@pytest.mark.parametrize("state", sorted(OrderState))
def test_there_is_a_card_for_every_state(eth: Market, state: OrderState) -> None:
    order = make_order(market=eth, state=state, reason="margin" if state == OrderState.DENIED else "")
    text = shown(cards.order_card(order))
    assert "ETH" in text or state == OrderState.FILLED
    assert f"#{order.pk}" in text


@pytest.mark.django_db
def test_only_a_draft_can_be_confirmed(eth: Market) -> None:
    for state in OrderState:
        card = cards.order_card(make_order(market=eth, state=state))
        assert ("confirm:" in str(card.get("reply_markup"))) is (state == OrderState.DRAFT)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "reason",
    [
        "draft_expired",
        "canceled_by_trader",
        "slippage_exceeded",
        "no_price",
        "deadline_passed",
        "never_executed",
        "trading_reducing",
        "trading_halted",
    ],
)
def test_every_end_is_explained(eth: Market, reason: str) -> None:
    card = shown(cards.order_card(make_order(market=eth, state="CANCELED", reason=reason)))
    assert reason not in card
    assert card.endswith((".", "safe."))


@pytest.mark.django_db
def test_a_filled_opening_shows_what_was_opened_and_how_to_close_it(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900 tp=3300")
    card = cards.order_card(ada.orders[0])
    text = shown(card)
    for part in ("Filled", "LONG ETH 10x", "DRY", "3,000.30", "0.45", "2,745.2", "2,900.00", "3,300.00"):
        assert part in text
    assert f"close:{position.pk}:50:0" in str(card["reply_markup"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("share", "price_then", "parts"),
    [
        ("1", "3100", ["Closed", "3,099.69", "🟩 +", "% of the collateral"]),
        ("1", "2950", ["Closed", "🟥 −"]),
        ("0.5", "3100", ["Partly closed", "Still open", "50.00 USDC"]),
    ],
)
def test_a_closing_shows_what_it_brought(
    ada: Person, eth: Market, price: SetPrice, share: str, price_then: str, parts: list[str]
) -> None:
    position = open_position(ada)
    price("ETH/USD", price_then)
    close(ada, position, D(share))
    execution.drain()
    card = cards.order_card(ada.orders[-1])
    text = shown(card)
    for part in parts:
        assert part in text
    assert ("reply_markup" in card) is (share != "1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "moves_to", "head"),
    [
        ("/long ETH 100 10x", "2700", "Liquidated"),
        ("/long ETH 100 10x sl=2900", "2890", "Stopped out"),
        ("/long ETH 100 10x tp=3100", "3110", "Take-profit"),
    ],
)
def test_what_the_guardian_did_says_why(
    ada: Person, eth: Market, price: SetPrice, typed: str, moves_to: str, head: str
) -> None:
    open_position(ada, typed)
    price("ETH/USD", moves_to)
    guardian.close_crossed()
    execution.drain()
    assert head in shown(cards.order_card(ada.orders[-1]))


@pytest.mark.django_db
def test_a_market_with_markup_in_its_name_is_shown_as_text(price: SetPrice) -> None:
    market = make_market("<B>&X/USD")
    price("<B>&X/USD", "1")
    for state in OrderState:
        shown(cards.order_card(make_order(market=market, state=state)))


@pytest.mark.django_db
def test_an_expired_preview_never_shows_negative_seconds(eth: Market) -> None:
    order = make_order(market=eth, valid_until=clock.now() - dt.timedelta(seconds=90))
    assert "valid 0 s" in shown(cards.preview(order))


@pytest.mark.django_db
def test_an_upside_stop_has_no_open_or_close_fee(eth_upside: Market) -> None:
    order = make_order(market=eth_upside, leverage=D(100), stop_loss=D(2990), worst_loss_usd=ONE)
    text = shown(cards.preview(order))
    assert "none; the venue keeps a share of the profit, 80 % (small gains) to 2.5 % (huge ones)" in text


def test_the_banner_stands_above_the_card_and_says_nothing_while_active() -> None:
    card = cards.text("Hello")
    assert cards.with_banner(card, messages.banner(TradingState.ACTIVE)) == card
    lines = shown(cards.with_banner(card, messages.banner(TradingState.HALTED))).splitlines()
    assert (lines[0].startswith("🔴"), lines[-1]) == (True, "Hello")


@pytest.mark.django_db
def test_a_denial_by_an_admin_is_shown_next_to_those_of_the_checks(eth: Market) -> None:
    order: Order = make_order(market=eth, state="DENIED", reason="trader_disabled,margin")
    order.decision = {"denials": [{"code": "margin", "measured": "5", "limit": "1"}]}
    text = shown(cards.order_card(order))
    assert text.count("•") == 2
    assert "disabled" in text


@pytest.mark.parametrize(
    ("text", "is_shown_as"),
    [
        ("<b>", "<code>&lt;b&gt;</code>"),
        ("a\u202eb", "<code>a�b</code>"),
        ("a\nb\x00", "<code>a�b�</code>"),
        ("x" * 100, f"<code>{'x' * 59}…</code>"),
        ("é ✅", "<code>é ✅</code>"),
    ],
    ids=ascii,
)
def test_what_people_typed_is_quoted_without_markup_and_without_tricks(text: str, is_shown_as: str) -> None:
    assert messages.quoted(text) == is_shown_as
