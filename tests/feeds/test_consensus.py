"""What the consensus decides, case by case. Its laws are in test_consensus_laws.py."""

import copy
import pickle
from decimal import Decimal
from itertools import permutations

import pytest

from feeds.consensus import ConsensusRules, Exclusion, MarkPrice, NoConsensus, Quote, consensus, sqrt_of_ms
from tests.feeds.quotes import MARKET, NOW_MS, RULES, quote


def decide(*quotes: Quote, rules: ConsensusRules = RULES) -> MarkPrice:
    return consensus(quotes, market=MARKET, now_ms=NOW_MS, rules=rules)


def refusal(*quotes: Quote, rules: ConsensusRules = RULES) -> NoConsensus:
    with pytest.raises(NoConsensus) as caught:
        decide(*quotes, rules=rules)
    return caught.value


def test_one_fresh_quote_is_enough_by_default() -> None:
    mark = decide(quote("3000.5"))
    assert (mark.market, mark.price, mark.sources, mark.as_of_ms) == (
        MARKET,
        Decimal("3000.5"),
        ("avantis",),
        NOW_MS - 500,
    )


def test_the_heavier_source_decides_between_two() -> None:
    assert decide(quote("3000", weight="1.5"), quote("3010", source="coingecko")).price == 3000


def test_two_sources_of_equal_weight_meet_in_the_middle_with_the_older_time() -> None:
    mark = decide(quote("3000", age_ms=100), quote("3002", source="coingecko", age_ms=900))
    assert mark.price == 3001
    assert mark.as_of_ms == NOW_MS - 900


@pytest.mark.parametrize(("age_ms", "vouches"), [(0, True), (4999, True), (5000, True), (5001, False), (-2000, True)])
def test_a_quote_vouches_up_to_five_seconds_of_its_own_clock(age_ms: int, vouches: bool) -> None:
    if vouches:
        assert decide(quote(age_ms=age_ms)).price == 3000
    else:
        assert refusal(quote(age_ms=age_ms)).reason == "no_fresh_quote"


def test_a_quote_from_more_than_two_seconds_ahead_is_refused() -> None:
    none = refusal(quote(age_ms=-2001))
    assert (none.reason, none.excluded) == ("no_fresh_quote", (Exclusion("avantis", "future"),))


def test_a_quote_older_than_its_source_allows_is_not_even_a_veto() -> None:
    mark = decide(quote(), quote("9999", source="coingecko", age_ms=120_001))
    assert mark.excluded == (Exclusion("coingecko", "expired"),)


def test_no_quotes_at_all_has_its_own_reason() -> None:
    assert refusal().reason == "no_quotes"


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-3000", "1e30", "1e-30", "1e999999"])
def test_a_price_that_is_none_is_malformed(price: str) -> None:
    none = refusal(quote(Decimal(price)))
    assert none.excluded == (Exclusion("avantis", "malformed"),)


@pytest.mark.parametrize(
    "broken",
    [
        quote(weight="0"),
        quote(weight="-1"),
        quote(weight="NaN"),
        quote(market="BTC/USD"),
        quote(spread="-1"),
        quote(spread="NaN"),
    ],
)
def test_a_quote_that_contradicts_itself_is_malformed(broken: Quote) -> None:
    assert refusal(broken).excluded == (Exclusion("avantis", "malformed"),)


def test_an_outlier_is_left_out_and_the_median_taken_again() -> None:
    mark = decide(quote("3000"), quote("3002", source="b"), quote("3300", source="liar"))
    assert mark.price == 3001
    assert mark.excluded == (Exclusion("liar", "outlier"),)


def test_two_equal_sources_that_disagree_prove_nothing() -> None:
    assert refusal(quote("3000"), quote("3300", source="b")).reason == "outliers"


def test_two_quotes_of_one_upstream_count_once_and_the_freshest_stays() -> None:
    stream = quote("3001", source="stream", upstream="pyth", age_ms=100)
    pull = quote("3000", source="pull", upstream="pyth", age_ms=900)
    mark = decide(pull, stream)
    assert mark.price == 3001
    assert mark.excluded == (Exclusion("pull", "duplicate_upstream"),)
    assert refusal(pull, stream, rules=ConsensusRules(min_upstreams=2)).reason == "not_enough_upstreams"


def test_outliers_do_not_count_towards_the_upstreams_that_a_market_wants() -> None:
    three = [quote("3000"), quote("3001", source="b"), quote("3300", source="c")]
    assert decide(*three, rules=ConsensusRules(min_upstreams=2)).sources == ("avantis", "b")
    assert refusal(*three, rules=ConsensusRules(min_upstreams=3)).reason == "not_enough_upstreams"


@pytest.mark.parametrize(
    ("age_ms", "price", "passes"),
    [
        (36_000, "3025.7", True),  # 0.005 + 4 · 0.00015 · 6 = 0.0086, of 3000 = 25.8
        (36_000, "3025.9", False),
        (36_000, "2974.3", True),
        (36_000, "2974.1", False),
        (100_000, "3032.9", True),  # 0.005 + 4 · 0.00015 · 10 = 0.011, of 3000 = 33
        (100_000, "3033.1", False),
    ],
)
def test_an_older_quote_vetoes_outside_a_band_that_widens_with_its_age(age_ms: int, price: str, passes: bool) -> None:
    quotes = [quote("3000"), quote(price, source="coingecko", age_ms=age_ms)]
    if passes:
        assert decide(*quotes).sources == ("avantis",)
    else:
        assert refusal(*quotes).reason == "vetoed"


def test_a_veto_needs_no_vouching_quote_of_its_own_but_cannot_make_a_price() -> None:
    assert refusal(quote(source="coingecko", age_ms=30_000)).reason == "no_fresh_quote"


def test_uncertainty_is_half_the_spread_and_what_the_price_may_have_moved_since() -> None:
    mark = decide(quote("3000", spread="0.6", age_ms=4000))
    assert abs(mark.uncertainty - (Decimal("0.0001") + Decimal("0.0003"))) < Decimal("1e-9")


def test_the_widest_spread_among_the_accepted_quotes_is_the_uncertainty() -> None:
    mark = decide(quote("3000", spread="0.6", age_ms=0), quote("3000", source="b", spread="6", age_ms=0))
    assert mark.uncertainty == Decimal("0.001")


@pytest.mark.parametrize("duration_ms", [-5, 0, 1, 250, 1000, 4000, 120_000, 86_400_000])
def test_the_integer_root_is_right_to_a_millionth_and_never_too_small(duration_ms: int) -> None:
    exact = (Decimal(max(duration_ms, 0)) / 1000).sqrt()
    assert exact <= sqrt_of_ms(duration_ms) <= exact + Decimal("0.000001")


def test_the_order_of_the_quotes_does_not_matter() -> None:
    quotes = [
        quote("3000", weight="1.5"),
        quote("3001", source="b", age_ms=100),
        quote("3002", source="c", upstream="b", age_ms=100),
        quote("3003", source="d", age_ms=40_000),
        quote("NaN", source="e"),
    ]
    assert len({decide(*order) for order in permutations(quotes)}) == 1


def test_the_refusal_survives_being_copied_between_processes() -> None:
    none = refusal(quote("NaN"))
    for twin in (copy.copy(none), pickle.loads(pickle.dumps(none))):  # noqa: S301
        assert (twin.reason, twin.market, twin.excluded) == (none.reason, none.market, none.excluded)
