"""How people write markets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.market_names import likely_symbols, match_symbol, similar_symbols

SYMBOLS = ["ETH/USD", "BTC/USD", "USD/JPY", "EUR/USD", "US500/USD", "ETH_UPSIDE/USD", "USD/JPY_UPSIDE"]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("ETH/USD", "ETH/USD"),
        ("eth", "ETH/USD"),
        (" Eth-usd ", "ETH/USD"),
        ("eth_usd", "ETH/USD"),
        ("ethusd", "ETH/USD"),
        ("eth usd", "ETH/USD"),
        ("ETH_UPSIDE", "ETH_UPSIDE/USD"),
        ("eth_upside/usd", "ETH_UPSIDE/USD"),
        ("eth upside", "ETH_UPSIDE/USD"),
        ("jpy", "USD/JPY"),
        ("usdjpy", "USD/JPY"),
        ("USD/JPY_UPSIDE", "USD/JPY_UPSIDE"),
        ("jpy upside", "USD/JPY_UPSIDE"),
        ("us500", "US500/USD"),
        ("btc upside", None),
        ("doge", None),
        ("", None),
        ("💥", None),
    ],
)
def test_any_usual_spelling_finds_its_market(text: str, symbol: str | None) -> None:
    likely = [each for each in likely_symbols(text) if each in SYMBOLS]
    assert (likely[0] if likely else match_symbol(text, SYMBOLS)) == symbol


def test_an_unknown_name_is_answered_with_similar_ones() -> None:
    assert similar_symbols("ETHH", SYMBOLS)[0] == "ETH/USD"
    assert similar_symbols("zzzzzz", SYMBOLS) == ()


@given(st.text(max_size=4096))
def test_any_text_is_survived(text: str) -> None:
    likely_symbols(text)
    similar_symbols(text, SYMBOLS)
    assert match_symbol(text, SYMBOLS) in {*SYMBOLS, None}
