"""What people may type for an opening, and what is understood of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.telegram.numbers import (
    Level,
    LevelUnit,
    Mistake,
    parse_amount,
    parse_level,
    parse_leverage,
    parse_order_id,
    parse_share,
)
from trading.telegram.parsing import parse_command, parse_opening

D = Decimal


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@pytest.mark.parametrize(
    ("typed", "usdc"),
    [
        ("100", "100"),
        ("1k", "1000"),
        ("1.5k", "1500"),
        ("1.5K", "1500"),
        ("$250", "250"),
        ("250$", "250"),
        ("1,000", "1000"),
        ("1_000.50", "1000.5"),
        ("100usdc", "100"),
        ("100USD", "100"),
        (".5", "0.5"),
        ("0.000001", "0.000001"),
        ("2m", "2000000"),
    ],
)
def test_amounts_can_be_written_in_the_usual_ways(typed: str, usdc: str) -> None:
    assert parse_amount(typed) == D(usdc)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("0", "not_positive"),
        ("0.0", "not_positive"),
        ("-100", "not_an_amount"),
        ("NaN", "not_an_amount"),
        ("inf", "not_an_amount"),
        ("-inf", "not_an_amount"),
        ("1e999", "not_an_amount"),
        ("1e2", "not_an_amount"),
        ("0x64", "not_an_amount"),
        ("１００", "not_an_amount"),
        ("١٠٠", "not_an_amount"),
        ("1" * 4000, "not_an_amount"),
        ("9999999999", "too_large"),
        ("2000m", "too_large"),
        ("0.0000001", "too_precise"),
        ("1.2.3", "not_an_amount"),
        ("1,5", "not_an_amount"),
        ("1,50k", "not_an_amount"),
        ("1,0000", "not_an_amount"),
        ("10,", "not_an_amount"),
        ("100;DROP", "not_an_amount"),
        ("", "not_an_amount"),
    ],
)
def test_what_is_no_amount_is_named(typed: str, problem: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_amount(typed)
    assert caught.value.problem == problem
    assert len(caught.value.shown) <= 60


@pytest.mark.parametrize(
    ("typed", "times"), [("10x", "10"), ("x10", "10"), ("2.5X", "2.5"), ("1x", "1"), ("500x", "500")]
)
def test_leverage_is_written_with_an_x(typed: str, times: str) -> None:
    assert parse_leverage(typed) == D(times)


@pytest.mark.parametrize(
    "typed", ["0x", "0.5x", "-3x", "1e9x", "NaNx", "infx", "...x", "1.234x", "1000000x", "x", "10"]
)
def test_what_is_no_leverage_is_a_mistake(typed: str) -> None:
    with pytest.raises(Mistake):
        parse_leverage(typed)


@pytest.mark.parametrize(
    ("typed", "level"),
    [
        ("2900", Level(LevelUnit.PRICE, D(2900))),
        ("2,900.5", Level(LevelUnit.PRICE, D("2900.5"))),
        ("2%", Level(LevelUnit.PERCENT, D("0.02"))),
        ("0.5%", Level(LevelUnit.PERCENT, D("0.005"))),
        ("$50", Level(LevelUnit.USD, D(50))),
    ],
)
def test_a_level_is_a_price_a_move_or_an_amount(typed: str, level: Level) -> None:
    assert parse_level(typed, shown=typed) == level


@pytest.mark.parametrize(
    "typed", ["", "%", "$", "-2%", "0", "0%", "$0", "NaN", "inf%", "1e999", "２%", "2%%", "$-5", "2 %"]
)
def test_what_is_no_level_is_a_mistake(typed: str) -> None:
    with pytest.raises(Mistake):
        parse_level(typed, shown=typed)


@pytest.mark.parametrize(
    "text",
    [
        "ETH 100 10x sl=2900 tp=5%",
        "ETH 10x 100 tp=5% SL=2900",
        "ETH tp=5% sl=2900 100 usdc at 10x",
        "ETH $100 X10 sl=2,900 TP=5%",
    ],
)
def test_the_words_after_the_market_come_in_any_order(text: str) -> None:
    typed = parse_opening(words(text))
    assert (typed.market, typed.collateral_usd, typed.leverage) == ("ETH", D(100), D(10))
    assert typed.stop_loss == Level(LevelUnit.PRICE, D(2900))
    assert typed.take_profit == Level(LevelUnit.PERCENT, D("0.05"))


@pytest.mark.parametrize(
    ("text", "problem", "shown", "understood"),
    [
        ("", "missing_market", "", ()),
        ("100 ETH 10x", "market_first", "100", ()),
        ("10x ETH 100", "market_first", "10x", ()),
        ("ETH", "missing_collateral", "", ("ETH",)),
        ("ETH 10x", "missing_collateral", "", ("ETH", "10x")),
        ("ETH 100", "missing_leverage", "", ("ETH", "100 USDC")),
        ("ETH 100 10", "amount_twice", "10", ("ETH", "100 USDC")),
        ("ETH 100 10x 20x", "leverage_twice", "20x", ("ETH", "100 USDC", "10x")),
        ("ETH lots 10x sl=2%", "not_an_amount", "lots", ("ETH", "10x", "stop 2%")),
        ("ETH 100 10x please", "not_understood", "please", ("ETH", "100 USDC", "10x")),
        ("ETH 100 10x sl=cheap", "not_a_level", "sl=cheap", ("ETH", "100 USDC", "10x")),
        ("ETH 100 10x sl 2900", "level_without_value", "sl", ("ETH", "100 USDC", "10x")),
        ("ETH 100 10x sl=1 sl=2", "level_twice", "sl=2", ("ETH", "100 USDC", "10x", "stop 1")),
        ("ETH 100 0x tp=$5", "leverage_out_of_range", "0x", ("ETH", "100 USDC", "take-profit $5")),
    ],
)
def test_a_mistake_says_what_was_understood_and_what_was_not(
    text: str, problem: str, shown: str, understood: tuple[str, ...]
) -> None:
    with pytest.raises(Mistake) as caught:
        parse_opening(words(text))
    assert (caught.value.problem, caught.value.shown, caught.value.understood) == (problem, shown, understood)


@pytest.mark.parametrize(
    ("typed", "share"),
    [("50%", "0.5"), ("25%", "0.25"), ("100%", "1"), ("12.5%", "0.125"), ("all", "1"), ("HALF", "0.5")],
)
def test_a_share_is_a_percentage_or_a_word(typed: str, share: str) -> None:
    assert parse_share(typed) == D(share)


@pytest.mark.parametrize("typed", ["50", "101%", "0%", "-5%", "NaN%", "", "%", "most"])
def test_what_is_no_share_is_a_mistake(typed: str) -> None:
    with pytest.raises(Mistake):
        parse_share(typed)


@pytest.mark.parametrize("typed", ["", "#", "-1", "1.0", "१", "9" * 19, "1;"])
def test_what_is_no_order_number_is_a_mistake(typed: str) -> None:
    with pytest.raises(Mistake):
        parse_order_id(typed)


@pytest.mark.parametrize("typed", ["12", "#12"])
def test_an_order_number_may_carry_its_hash(typed: str) -> None:
    assert parse_order_id(typed) == 12


@pytest.mark.parametrize("text", ["/long ETH", "  /LONG@vanta_bot   ETH ", "/Long\nETH", "/long\u00a0ETH"])
def test_a_command_is_found_in_any_case_and_spacing(text: str) -> None:
    command = parse_command(text)
    assert command is not None
    assert (command.name, command.words) == ("long", ("ETH",))


@pytest.mark.parametrize("text", ["", " ", "long ETH", "/", "//long", "/lo-ng", "／long", "/lоng"], ids=ascii)
def test_other_text_is_no_command(text: str) -> None:
    assert parse_command(text) is None


@given(st.lists(st.text(min_size=1, max_size=20), max_size=8))
def test_no_words_raise_anything_but_a_mistake(typed: list[str]) -> None:
    try:
        opening = parse_opening(tuple(typed))
    except Mistake:
        return
    assert opening.collateral_usd > 0
    assert opening.leverage >= 1


@given(st.decimals(min_value="0.000001", max_value="1000000", places=6))
def test_every_amount_of_usdc_can_be_typed(amount: Decimal) -> None:
    assert parse_amount(f"{amount:f}") == amount
