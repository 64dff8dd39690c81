"""The paper venue: its fills, its fees, and that a nonce is executed once."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from risk.margin import Side
from tests.factories import make_order, make_position
from tests.trading.conftest import SetPrice
from trading.models import Intent, Order, PaperExecution
from trading.venues import avantis
from trading.venues.base import Expired, Filled, Rejected, Unknown, Waiting
from trading.venues.paper import PaperVenue
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
venue = PaperVenue()


def intent_of(order: Order, **changes: Any) -> Intent:
    prepared = venue.prepare(order)
    terms = {"nonce": prepared.nonce, "payload": prepared.payload, "deadline": prepared.deadline, **changes}
    return Intent.objects.create(order=order, **terms)


def submit(order: Order, **changes: Any) -> Any:
    intent = intent_of(order, **changes)
    return venue.submit([intent])[intent.nonce]


@pytest.mark.parametrize(("side", "filled_at"), [("long", "3000.3"), ("short", "2999.7")])
def test_an_opening_fills_at_the_worse_side_of_the_mark(eth: Market, side: str, filled_at: str) -> None:
    filled = submit(make_order(market=eth, side=side))
    assert isinstance(filled, Filled)
    assert filled.price == D(filled_at)
    assert filled.fee_usd == D("0.45")
    expected = avantis.liquidation_price(
        side=Side(side), entry_price=D(filled_at), collateral_usd=D(100), leverage=D(10)
    )
    assert filled.liquidation_price == expected


def test_submitting_a_nonce_again_answers_the_same_fill_whatever_the_price_is_now(eth: Market, price: SetPrice) -> None:
    intent = intent_of(make_order(market=eth))
    first = venue.submit([intent])
    price("ETH/USD", "3500")
    assert venue.submit([intent]) == first
    assert venue.find(intent) == first[intent.nonce]
    assert PaperExecution.objects.count() == 1


def test_a_message_past_its_deadline_is_never_executed(eth: Market) -> None:
    order = make_order(market=eth)
    late = submit(order, deadline=clock.now() - dt.timedelta(seconds=1))
    assert late == Rejected("deadline_passed", {})


def test_what_is_not_in_the_journal_is_unknown_until_the_deadline_and_expired_after_it(eth: Market) -> None:
    intent = intent_of(make_order(market=eth))
    assert isinstance(venue.find(intent), Unknown)
    intent.deadline = clock.now() - dt.timedelta(seconds=1)
    assert venue.find(intent) == Expired()


@pytest.mark.parametrize(
    ("quoted", "outcome"), [("3000", Filled), ("2997.1", Filled), ("2990", Rejected), ("3010", Rejected)]
)
def test_slippage_beyond_the_allowance_is_rejected(eth: Market, quoted: str, outcome: type) -> None:
    assert isinstance(submit(make_order(market=eth, quoted_price=D(quoted))), outcome)


def test_an_opening_waits_for_a_fresh_price_even_where_an_old_one_is_remembered(
    eth: Market, price: SetPrice, last_known: SetPrice
) -> None:
    price("ETH/USD", "3000", age_ms=60_000)
    last_known("ETH/USD", "3000")
    assert submit(make_order(market=eth)) == Waiting("no_price")
    assert not PaperExecution.objects.exists()


def test_without_redis_an_opening_waits_and_a_closing_is_filled(
    eth: Market, last_known: SetPrice, redis_down: None
) -> None:
    last_known("ETH/USD", "3000")
    opening, closing = intent_of(make_order(market=eth)), intent_of(make_order(market=eth, kind="close"))
    answers = venue.submit([opening, closing])
    assert isinstance(answers[opening.nonce], Waiting)
    assert isinstance(answers[closing.nonce], Filled)


@pytest.mark.parametrize(
    ("side", "mark", "gross"), [("long", "3030", "9.899"), ("long", "2970", "-10.099"), ("short", "2970", "9.901")]
)
def test_a_closing_pays_out_collateral_and_pnl_less_the_fee(
    eth: Market, price: SetPrice, side: str, mark: str, gross: str
) -> None:
    price("ETH/USD", mark)
    position = make_position(market=eth, side=side)
    filled = submit(make_order(market=eth, kind="close", position=position, side=side))
    assert isinstance(filled, Filled)
    assert filled.pnl_usd == D(gross)
    assert filled.payout_usd == 100 + D(gross) - D("0.45")


def test_part_of_a_position_costs_its_part_of_what_has_accrued(eth: Market) -> None:
    position = make_position(market=eth, accrued_usd=D(8), accrued_until=clock.now())
    filled = submit(make_order(market=eth, kind="close", position=position, collateral_usd=D(25)))
    assert filled.accrued_usd == D(2)
    assert filled.payout_usd == 25 + filled.pnl_usd - filled.fee_usd - 2


@pytest.mark.parametrize(("mark", "share_kept"), [("3003.3003", "0.8"), ("3033.3033", "0.25")])
def test_an_upside_gain_is_shared_with_the_venue_by_its_size(
    eth_upside: Market, price: SetPrice, mark: str, share_kept: str
) -> None:
    price("ETH/USD", mark)
    position = make_position(market=eth_upside, leverage=D(100))
    filled = submit(make_order(market=eth_upside, kind="close", position=position, leverage=D(100)))
    assert abs(filled.fee_usd - filled.pnl_usd * D(share_kept)) < D("0.001")


def test_an_upside_loss_is_not_shared(eth_upside: Market, price: SetPrice) -> None:
    price("ETH/USD", "2990")
    position = make_position(market=eth_upside, leverage=D(100))
    filled = submit(make_order(market=eth_upside, kind="close", position=position, leverage=D(100)))
    assert filled.fee_usd == 0
    assert filled.payout_usd == 100 + filled.pnl_usd


def test_the_journal_and_the_payload_hold_exact_numbers(eth: Market) -> None:
    order = make_order(market=eth, collateral_usd=D("123.456789"), leverage=D("33.33"))
    submit(order)
    payload = Intent.objects.get(order=order).payload
    assert payload["collateral_usd"] == "123.456789"
    assert all(
        not isinstance(value, float) for value in [*payload.values(), *PaperExecution.objects.get().result.values()]
    )
