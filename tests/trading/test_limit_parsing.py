"""How a price to wait for is written, in `/limit` and in `/long` and `/short`, and what is no such price."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.margin import Side
from trading.telegram.numbers import Mistake, parse_price
from trading.telegram.parsing import LimitText, parse_increase, parse_limit, parse_opening

D = Decimal


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "ETH long 100 10x @2900",
        "ETH @2900 10x 100 long",
        "ETH buy $100 x10 at 2,900",
        "ETH long 100 usdc at 10x at 2900",
        "ETH LONG 100 10x limit=2900",
        "ETH long 100 10x @ 2900",
        "ETH long 100 10x @2.9k",
        "ETH long 100 10x @$2900",
        "long ETH 100 10x @2900",
        "ETH 100 10x sl=2% limit 2900 long tp=$50",
    ],
)
def test_the_words_of_a_limit_order_come_in_any_order(text: str) -> None:
    typed = parse_limit(words(text))
    assert (typed.market, typed.side, typed.collateral_usd, typed.leverage) == ("ETH", Side.LONG, D(100), D(10))
    assert typed.limit == LimitText(D(2900), is_stop=False)


@pytest.mark.parametrize("text", ["stop@3100", "stop=3100", "STOP@3,100", "stop 3100", "stop@$3.1k"])
def test_a_stop_limit_order_names_its_trigger(text: str) -> None:
    assert parse_opening(words(f"ETH 100 10x {text} sl=2900")).limit == LimitText(D(3100), is_stop=True)
    assert parse_limit(words(f"ETH short {text} 100 10x")).limit == LimitText(D(3100), is_stop=True)


@pytest.mark.parametrize("text", ["@2900", "at 2900", "at=2900"])
def test_long_and_short_take_a_price_as_well(text: str) -> None:
    assert parse_opening(words(f"ETH 100 10x {text}")).limit == LimitText(D(2900), is_stop=False)


def test_without_a_price_an_opening_is_executed_at_once() -> None:
    assert parse_opening(words("ETH 100 usdc at 10x")).limit is None


@pytest.mark.parametrize(
    ("text", "problem", "shown", "understood"),
    [
        ("ETH 100 10x @2900", "missing_side", "", ("ETH", "100 USDC", "10x", "limit 2,900")),
        ("ETH long 100 10x", "missing_price", "", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 10x @2900", "missing_collateral", "", ("ETH", "long", "10x", "limit 2,900")),
        ("ETH long 100 @2900", "missing_leverage", "", ("ETH", "long", "100 USDC", "limit 2,900")),
        ("ETH long short 100 10x @2900", "side_twice", "short", ("ETH", "long", "100 USDC", "10x", "limit 2,900")),
        ("ETH long 9 3x @2900 stop@3100", "price_twice", "stop@3100", ("ETH", "long", "9 USDC", "3x", "limit 2,900")),
        ("ETH long 100 10x @cheap", "not_a_price", "@cheap", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 100 10x @", "price_without_value", "@", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 100 10x stop", "price_without_value", "stop", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 100 stop 10x", "not_a_price", "stop 10x", ("ETH", "long", "100 USDC")),
        ("ETH long 100 10x @-2900", "not_a_price", "@-2900", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 100 10x @0", "not_positive", "@0", ("ETH", "long", "100 USDC", "10x")),
        ("ETH long 100 10x 2900", "amount_twice", "2900", ("ETH", "long", "100 USDC", "10x")),
        ("100 ETH long 10x @2900", "market_first", "100", ()),
        ("", "missing_market", "", ()),
    ],
)
def test_a_mistake_says_what_is_missing_or_not_understood(
    text: str, problem: str, shown: str, understood: tuple[str, ...]
) -> None:
    with pytest.raises(Mistake) as caught:
        parse_limit(words(text))
    assert (caught.value.problem, caught.value.shown, caught.value.understood) == (problem, shown, understood)


def test_the_side_is_no_word_of_long_and_a_price_none_of_an_increase() -> None:
    with pytest.raises(Mistake, match="not_an_amount"):
        parse_opening(words("ETH long 100 10x @2900"))
    with pytest.raises(Mistake, match="no_price_here"):
        parse_increase(words("ETH 50 @2900"))


@pytest.mark.parametrize("typed", ["", "NaN", "inf", "1e4", "0x10", "２９", "9" * 400, "1,5", "1.2.3", "29x", "2m"])
def test_what_is_no_price_is_a_mistake(typed: str) -> None:
    with pytest.raises(Mistake):
        parse_price(typed, shown=typed)


@pytest.mark.parametrize(("typed", "beyond"), [("0.0000000001", "0.00000000001"), ("1000000000000", "1000000000001")])
def test_a_price_has_the_venues_decimals_and_a_sane_size(typed: str, beyond: str) -> None:
    assert parse_price(typed, shown=typed) == D(typed)
    with pytest.raises(Mistake):
        parse_price(beyond, shown=beyond)


WORDS = st.text(min_size=1, max_size=12) | st.sampled_from(["@", "stop", "at", "long", "@5", "10x", "100"])


@given(st.lists(WORDS, max_size=8))
def test_no_words_raise_anything_but_a_mistake_and_a_price_is_never_left_out(typed: list[str]) -> None:
    try:
        opening = parse_limit(tuple(typed))
    except Mistake:
        return
    assert opening.limit is not None
    assert opening.side is not None
