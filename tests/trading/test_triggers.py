"""What a price crosses, found in the indexes: exactly what a look at every position finds."""

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds.models import Market
from risk.margin import Side
from tests.factories import make_market, make_order, make_position, make_trader
from trading import triggers
from trading.models import Order, Position, Trader
from trading.triggers import Range
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
_USUAL = {"collateral_usd": D(100), "leverage": D(10), "entry_price": D(3000)}


def at(market: Market, price: object) -> dict[int, Range]:
    return {market.pk: Range(D(str(price)), D(str(price)))}


@pytest.mark.parametrize(
    ("side", "liquidation", "stop", "target", "price", "trigger"),
    [
        ("long", 2745, None, None, "2745.0000000001", None),
        ("long", 2745, None, None, "2745", "liquidation"),
        ("long", 2745, 2900, None, "2900.0000000001", None),
        ("long", 2745, 2900, None, "2900", "stop_loss"),
        ("long", 2745, 2900, None, "2745", "liquidation"),
        ("long", 2745, None, 3300, "3299.9999999999", None),
        ("long", 2745, None, 3300, "3300", "take_profit"),
        ("short", 3255, None, None, "3254.9999999999", None),
        ("short", 3255, None, None, "3255", "liquidation"),
        ("short", 3255, 3100, None, "3099.9999999999", None),
        ("short", 3255, 3100, None, "3100", "stop_loss"),
        ("short", 3255, 3100, None, "3255", "liquidation"),
        ("short", 3255, None, 2700, "2700.0000000001", None),
        ("short", 3255, None, 2700, "2700", "take_profit"),
    ],
)
def test_a_trigger_is_crossed_at_its_price_and_not_one_tick_before(
    side: str, liquidation: int, stop: int | None, target: int | None, price: str, trigger: str | None
) -> None:
    position = make_position(side=side, liquidation_price=D(liquidation), stop_loss=stop, take_profit=target)
    assert triggers.crossed(at(position.market, price)) == ({position.pk: trigger} if trigger else {})


def test_a_stretch_of_prices_crosses_what_its_extremes_cross() -> None:
    position = make_position(stop_loss=D(2900), take_profit=D(3300))
    market = position.market.pk
    assert triggers.crossed({market: Range(D(2901), D(3299))}) == {}
    assert triggers.crossed({market: Range(D(2900), D(3300))}) == {position.pk: "stop_loss"}
    assert triggers.crossed({market: Range(D(2901), D(3300))}, but=[position.pk]) == {}


def test_live_positions_closed_ones_other_markets_and_those_being_closed_are_left_out() -> None:
    market = make_market()
    for changes in ({"mode": "LIVE"}, {"status": "closed"}, {"market": make_market("BTC/USD")}):
        make_position(**changes)
    make_order(kind="close", position=make_position(), state="SUBMITTING")
    part = make_order(kind="close", position=make_position(), state="UNKNOWN", collateral_usd=D("99.999999"))
    assert triggers.crossed(at(market, 1)) == {part.position_id: "liquidation"}
    make_order(kind="close", position=part.position, trader=part.trader, state="APPROVED", collateral_usd=D("0.000001"))
    assert triggers.crossed(at(market, 1)) == {}
    refused = make_order(kind="close", position=make_position(), state="REJECTED")
    assert triggers.crossed(at(market, 1)) == {refused.position_id: "liquidation"}


@pytest.mark.parametrize(("side", "sign", "price"), [("long", 1, 2000), ("short", -1, 4000)])
def test_a_crash_that_liquidates_more_than_are_taken_at_once_stops_none_of_them_out(
    side: str, sign: int, price: int
) -> None:
    """A stop would pay back a part of what a liquidation takes."""
    row = make_position(side=side, liquidation_price=D(3000 - sign * 300), stop_loss=D(3000 - sign * 10))
    nearer = {"side": side, "liquidation_price": D(3000 - sign * 200), "stop_loss": D(3000 - sign * 20)}
    others = (Position(trader=row.trader, market=row.market, **_USUAL, **nearer) for _ in range(triggers.TAKEN_AT_ONCE))
    Position.objects.bulk_create(others)
    found = triggers.crossed(at(row.market, price))
    assert found[row.pk] == "liquidation"
    assert set(found.values()) == {"liquidation"}


def test_markets_are_held_where_anything_is_open() -> None:
    make_market("BTC/USD")
    make_position(market=make_market("SOL/USD"), status="closed")
    make_position(mode="LIVE")
    assert [market.symbol for market in triggers.held_markets()] == ["ETH/USD"]


def random_position(rng: random.Random, market: Market, trader: Trader) -> Position:
    side = rng.choice([Side.LONG, Side.SHORT])
    sign = side.sign
    liquidation = 100 - sign * rng.randint(1, 40)
    return Position(
        trader=trader,
        market=market,
        side=side,
        mode=rng.choice(["DRY", "DRY", "DRY", "LIVE"]),
        status=rng.choice(["open", "open", "open", "closed"]),
        collateral_usd=D(10),
        leverage=D(2),
        entry_price=D(100),
        liquidation_price=liquidation,
        stop_loss=rng.choice([None, 100 - sign * rng.randint(1, 40)]),
        take_profit=rng.choice([None, 100 + sign * rng.randint(1, 40)]),
        buffer_pct=D(rng.choice(["0.05", "0.1", "0.5"])),
    )


def brute_force(price: Decimal) -> Iterator[tuple[int, str]]:
    """Every open DRY position asked, worst trigger first."""
    for position in Position.objects.filter(status="open", mode="DRY"):
        sign = Side(position.side).sign
        if sign * (price - position.liquidation_price) <= 0:
            yield position.pk, "liquidation"
        elif position.stop_loss is not None and sign * (price - position.stop_loss) <= 0:
            yield position.pk, "stop_loss"
        elif position.take_profit is not None and sign * (price - position.take_profit) >= 0:
            yield position.pk, "take_profit"


def in_buffer(price: Decimal) -> Iterator[int]:
    for position in Position.objects.filter(status="open", buffer_entered_at=None):
        sign = Side(position.side).sign
        whole = sign * (position.entry_price - position.liquidation_price)
        left = sign * (price - position.liquidation_price)
        if left < position.buffer_pct * whole and (position.mode == "LIVE" or left > 0):
            yield position.pk


@pytest.mark.parametrize("seed", range(5))
def test_on_random_paths_the_indexes_find_what_a_look_at_every_position_finds(seed: int) -> None:
    rng = random.Random(seed)
    market, trader = make_market("BTC/USD"), make_trader()
    Position.objects.bulk_create([random_position(rng, market, trader) for _ in range(150)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    price = D(100)
    for _ in range(40):
        price += D(rng.randint(-80, 80)) / 10
        here = at(market, price)
        assert triggers.crossed(here) == dict(brute_force(price))
        assert sorted(triggers.buffer_changes(here, halted=False)[0]) == sorted(in_buffer(price))


def random_waiting(rng: random.Random, market: Market, trader: Trader) -> Order:
    return Order(
        trader=trader,
        market=market,
        kind="open",
        side=rng.choice([Side.LONG, Side.SHORT]),
        order_type=rng.choice(["limit", "stop_limit"]),
        limit_price=100 + D(rng.randint(-300, 300)) / 10,
        state=rng.choice(["RESTING", "RESTING", "RESTING", "CANCELED"]),
        mode=rng.choice(["DRY", "DRY", "LIVE"]),
        collateral_usd=D(10),
        leverage=D(2),
        quoted_price=D(100),
        valid_until=clock.now(),
    )


def waiting_by_hand(price: Decimal, slippage: Decimal) -> Iterator[int]:
    """Every resting DRY order asked: whether the mark is at its price or better, or not too far beyond a stop's."""
    for order in Order.objects.filter(state="RESTING", mode="DRY", trader__is_active=True):
        assert order.limit_price is not None
        is_there = price <= order.limit_price if order.waits_below else price >= order.limit_price
        worse = Side(order.side).sign * (price - order.limit_price)
        if is_there and worse <= order.limit_price * slippage:
            yield order.pk


def test_on_a_random_path_the_index_finds_the_resting_orders_that_a_look_at_each_finds() -> None:
    rng, slippage = random.Random(7), D("0.01")
    market, traders = make_market("BTC/USD"), [make_trader(), make_trader(is_active=False)]
    Order.objects.bulk_create([random_waiting(rng, market, rng.choice(traders)) for _ in range(300)])
    price = D(100)
    for _ in range(40):
        price += D(rng.randint(-80, 80)) / 10
        assert sorted(triggers.reached({market.pk: price}, slippage)) == sorted(waiting_by_hand(price, slippage))


def test_markets_are_waited_in_where_anything_rests() -> None:
    make_market("BTC/USD")
    make_order(market=make_market("SOL/USD"), state="CANCELED", order_type="limit", limit_price=D(1))
    make_order(state="RESTING", order_type="limit", limit_price=D(1))
    assert [market.symbol for market in triggers.waited_in()] == ["ETH/USD"]


def test_what_a_price_reaches_is_found_by_an_index_of_what_rests_in_price_order() -> None:
    """Among thousands of orders that rest far away, and as many that have ended."""
    row = make_order(state="RESTING", order_type="limit", limit_price=D(2900))
    kept = {name: getattr(row, name) for name in ("trader", "market", "kind", "side", "order_type", "valid_until")}
    size = {"collateral_usd": D(10), "leverage": D(2), "quoted_price": D(3000)}
    Order.objects.bulk_create(
        Order(**kept, **size, state="RESTING" if number % 2 else "CANCELED", limit_price=D(2000) + D(number) / 10)
        for number in range(6000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE trading_order")
    with CaptureQueriesContext(connection) as queries:
        assert triggers.reached({row.market_id: D(2899)}, D("0.001")) == [row.pk]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert plan.count("order_resting") == 4, plan
    assert "Seq Scan on trading_order" not in plan, plan
