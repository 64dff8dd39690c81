"""What we make of the venue's trading snapshot."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from hypothesis import given
from hypothesis import strategies as st
from veranta_sdk.compute import validate_order
from veranta_sdk.compute.liquidity import max_position_size
from veranta_sdk.markets.models import TradingSnapshot

from feeds.catalogue import MalformedCatalogue, parse_catalogue
from feeds.models import Market
from tests.feeds.snapshots import ETH, ETH_FORMER_UPSIDE, ETH_UPSIDE, JPY, JPY_UPSIDE, pair, snapshot
from vanta.clock import UTC

AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def markets(*pairs: dict[str, Any], **totals: Any) -> dict[str, Market]:
    catalogue = parse_catalogue(snapshot(*pairs, **totals), refreshed_at=AT)
    return {market.symbol: market for market in catalogue.markets}


def test_percentages_become_fractions_without_passing_through_a_float() -> None:
    eth = markets(ETH)["ETH/USD"]
    assert eth.spread_rate == Decimal("0.0001")
    assert (eth.open_fee_rate, eth.close_fee_rate) == (Decimal("0.00045"), Decimal("0.0005"))
    assert eth.rollover_rate_per_hour_long == Decimal("0.00001712328767123288")
    assert eth.funding_rate_per_hour_long == Decimal("-0.00001205382547771408")
    assert eth.min_notional_usd == 100


def test_a_plain_market_has_the_plain_envelope_and_an_upside_market_its_own() -> None:
    both = markets(ETH, ETH_UPSIDE)
    plain, upside = both["ETH/USD"], both["ETH_UPSIDE/USD"]
    assert (plain.min_leverage, plain.max_leverage) == (Decimal(1), Decimal(75))
    assert (upside.min_leverage, upside.max_leverage) == (Decimal(75), Decimal(500))
    assert (plain.spread_rate, upside.spread_rate) == (Decimal("0.0001"), Decimal("0.0002"))
    assert (upside.is_upside, upside.price_symbol, upside.open_fee_rate) == (True, "ETH/USD", Decimal(0))
    assert (upside.upside_tier_gains_pct, upside.upside_tier_fees_pct) == (["1", "3000"], ["80", "2.5"])
    assert plain.upside_tier_gains_pct == []


def test_the_older_suffix_is_an_upside_market_under_the_current_one() -> None:
    upside = markets(ETH_FORMER_UPSIDE)["ETH_UPSIDE/USD"]
    assert upside.is_upside
    assert upside.max_leverage == 500


def test_an_upside_suffix_on_the_quote_side_is_understood() -> None:
    upside = markets(JPY, JPY_UPSIDE)["USD/JPY_UPSIDE"]
    assert (upside.is_upside, upside.price_symbol, upside.coingecko_id) == (True, "USD/JPY", "")


@pytest.mark.parametrize(
    ("at_s", "is_open"), [(1_789_999_999, False), (1_790_000_001, True), (1_790_399_999, True), (1_790_400_001, False)]
)
def test_forex_is_open_between_its_hours_whatever_the_snapshot_said(at_s: int, is_open: bool) -> None:
    assert markets(JPY)["USD/JPY"].is_open_at(dt.datetime.fromtimestamp(at_s, UTC)) is is_open


def test_crypto_never_closes() -> None:
    closed = pair(feed={"attributes": {"isOpen": False, "nextClose": 1}})
    assert markets(closed)["ETH/USD"].is_open_at(AT)


def test_headroom_is_what_the_venue_computes() -> None:
    for symbol, market in markets(ETH, JPY, ETH_UPSIDE).items():
        whole = TradingSnapshot.model_validate(json.loads(json.dumps(market.venue_params, cls=DjangoJSONEncoder)))
        info = whole.pairs[market.pair_index]
        info.max_wallet_oi = 10**12
        for is_long, headroom in ((True, market.headroom_long_usd), (False, market.headroom_short_usd)):
            assert Decimal(str(max_position_size(info, whole, is_long=is_long))) == headroom, symbol


def test_the_venue_s_own_order_rules_can_be_applied_to_what_is_kept() -> None:
    market = markets(ETH_FORMER_UPSIDE)["ETH_UPSIDE/USD"]
    whole = TradingSnapshot.model_validate(json.loads(json.dumps(market.venue_params, cls=DjangoJSONEncoder)))
    info = whole.pairs[106]
    assert validate_order(info, whole, collateral=5, leverage=100, is_long=True).ok
    assert validate_order(info, whole, collateral=5, leverage=50, is_long=True).errors


def test_blank_pairs_are_left_out_and_delisted_ones_kept_as_such() -> None:
    blank = pair(index=32, to="", **{"from": ""})
    found = markets(blank, pair(index=28, isPairListed=False, **{"from": "FET"}))
    assert [(symbol, market.is_listed) for symbol, market in found.items()] == [("FET/USD", False)]


def test_a_delisted_pair_gives_way_to_the_listed_one_of_its_name() -> None:
    found = markets(ETH, pair(index=300, isPairListed=False))
    assert found["ETH/USD"].pair_index == 0


def test_an_envelope_that_nothing_fits_into_is_close_only() -> None:
    upside = pair(index=106, leverages={"pnlMinLeverage": 75, "pnlMaxLeverage": 25}, **{"from": "LIT_UPSIDE"})
    assert markets(upside)["LIT_UPSIDE/USD"].is_close_only


@pytest.mark.parametrize(
    "broken",
    [
        pair(index="x", **{"from": "BAD"}),
        pair(index=9, spreadP="NaN", **{"from": "BAD"}),
        pair(index=9, spreadP=-1, **{"from": "BAD"}),
        pair(index=9, spreadP=100, **{"from": "BAD"}),
        pair(index=9, leverages={"maxLeverage": 10**9}, **{"from": "BAD"}),
        pair(index=9, values=None, **{"from": "BAD"}),
        pair(index=9, **{"from": "B" * 30}),
        pair(index=9, **{"from": "B\x00D"}),
        pair(index=-1, **{"from": "BAD"}),
        pair(index=9, groupIndex=99_999, **{"from": "BAD"}),
        pair(index=9, lazerFeed={"feedId": 2**40}, **{"from": "BAD"}),
        {"index": 9},
    ],
)
def test_one_broken_pair_is_named_and_hides_no_other(broken: dict[str, Any]) -> None:
    catalogue = parse_catalogue(snapshot(ETH, broken), refreshed_at=AT)
    assert [market.symbol for market in catalogue.markets] == ["ETH/USD"]
    assert len(catalogue.unreadable) == 1


@pytest.mark.parametrize("answer", [None, [], {}, "text", {"pairInfos": {}}, {"pairInfos": []}, {"data": 5}])
def test_what_is_no_snapshot_is_refused_as_a_whole(answer: Any) -> None:
    with pytest.raises(MalformedCatalogue):
        parse_catalogue(answer, refreshed_at=AT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(ETH)), JSON)
def test_any_nonsense_in_a_field_of_a_pair_is_survived(name: str, nonsense: Any) -> None:
    whole = snapshot(JPY)
    whole["pairInfos"]["0"] = {**ETH, name: nonsense}
    catalogue = parse_catalogue(whole, refreshed_at=AT)
    assert "USD/JPY" in {market.symbol for market in catalogue.markets}
