"""What holds for every consensus, whatever the quotes."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from feeds.consensus import ConsensusRules, MarkPrice, NoConsensus, Quote, consensus
from tests.feeds.quotes import MARKET, NOW_MS, RULES, quote

ANY_DECIMAL = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [Decimal(text) for text in ("sNaN", "1e30", "1e999999", "1e-999999", "0", "-0", "-1", "3000", "3001", "1")]
)
ANY_TIME = st.integers(NOW_MS - 200_000, NOW_MS + 5_000) | st.sampled_from([0, -1, 10**30, -(10**30), NOW_MS])
NAMES = st.sampled_from(["avantis", "coingecko", "chainlink", "pyth", ""])
ANYTHING = st.builds(
    Quote,
    market=st.sampled_from([MARKET, MARKET, MARKET, "BTC/USD"]),
    source=NAMES,
    upstream=NAMES,
    price=ANY_DECIMAL,
    timestamp_ms=ANY_TIME,
    received_at_ms=ANY_TIME,
    weight=ANY_DECIMAL,
    max_age_ms=st.sampled_from([0, -1, 5_000, 120_000, 10**30]),
    bid=st.none() | ANY_DECIMAL,
    ask=st.none() | ANY_DECIMAL,
)
PRICES = st.decimals("2900", "3100", places=4)
SENSIBLE = st.builds(
    lambda price, source, age_ms, weight: quote(price, source=source, age_ms=age_ms, weight=weight),
    PRICES,
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.integers(-2500, 130_000) | st.integers(0, 5000),
    st.sampled_from(["1", "1.5", "0.3"]),
)
# Thirty per mille apart at most, so that honest sources agree within the deviation
HONEST = st.decimals("2995", "3005", places=4)


def outcome(quotes: list[Quote], rules: ConsensusRules = RULES) -> object:
    try:
        return consensus(quotes, market=MARKET, now_ms=NOW_MS, rules=rules)
    except NoConsensus as none:
        return none.reason, none.excluded


@given(st.lists(ANYTHING, max_size=6))
@example([])
def test_nothing_but_no_consensus_is_ever_raised(quotes: list[Quote]) -> None:
    result = outcome(quotes)
    if isinstance(result, MarkPrice):
        assert result.price.is_finite()
        assert result.price > 0
        assert result.uncertainty.is_finite()
        assert result.uncertainty >= 0


@given(
    st.lists(SENSIBLE | ANYTHING, max_size=6).flatmap(
        lambda quotes: st.tuples(st.just(quotes), st.permutations(quotes))
    )
)
def test_the_order_of_quotes_never_matters(both: tuple[list[Quote], list[Quote]]) -> None:
    assert outcome(both[0]) == outcome(both[1])


@given(st.lists(SENSIBLE, min_size=1, max_size=6))
def test_the_price_lies_within_the_accepted_quotes(quotes: list[Quote]) -> None:
    quotes = [replace(each, source=f"s{number}") for number, each in enumerate(quotes)]  # upstreams stay as they are
    result = outcome(quotes)
    if isinstance(result, MarkPrice):
        accepted = [quote.price for quote in quotes if quote.source in result.sources]
        assert min(accepted) <= result.price <= max(accepted)


@given(st.lists(SENSIBLE, min_size=1, max_size=6))
def test_a_stale_quote_never_makes_a_price(quotes: list[Quote]) -> None:
    stale = [replace(quote, timestamp_ms=min(quote.timestamp_ms, NOW_MS - 5001)) for quote in quotes]
    assert not isinstance(outcome(stale), MarkPrice)


@given(HONEST, HONEST, st.decimals("0.000001", "1000000000", places=6))
def test_one_liar_of_three_leaves_the_price_within_the_honest_ones(one: Decimal, other: Decimal, lie: Decimal) -> None:
    result = outcome([quote(one), quote(other, source="b"), quote(lie, source="liar")])
    assert isinstance(result, MarkPrice)
    assert min(one, other) <= result.price <= max(one, other)


@given(HONEST, st.integers(5001, 120_000), st.decimals("0.000001", "1000000", places=6))
def test_a_lone_liar_is_vetoed_by_an_honest_slow_source_outside_its_band(
    honest: Decimal, age_ms: int, lie: Decimal
) -> None:
    widest = RULES.max_deviation + RULES.veto_sigmas * RULES.sigma_per_sqrt_s * (Decimal(age_ms) / 1000).sqrt()
    result = outcome([quote(lie), quote(honest, source="coingecko", age_ms=age_ms)])
    if abs(honest - lie) > (widest + Decimal("0.00001")) * lie:
        assert result == ("vetoed", ())
    else:
        assert isinstance(result, MarkPrice)


@given(st.integers(-2000, 5000), st.integers(1, 4000))
def test_an_older_quote_of_the_same_upstream_changes_nothing_but_the_exclusions(age_ms: int, older_ms: int) -> None:
    freshest = quote(age_ms=age_ms)
    echo = replace(freshest, source="echo", timestamp_ms=freshest.timestamp_ms - older_ms, price=Decimal(1))
    alone, echoed = outcome([freshest]), outcome([echo, freshest])
    assert isinstance(alone, MarkPrice)
    assert isinstance(echoed, MarkPrice)
    assert replace(echoed, excluded=()) == alone


@given(st.lists(SENSIBLE, max_size=4), st.integers(2001, 10**9), st.integers(0, 10**9))
def test_a_quote_stamped_ahead_of_its_coming_in_never_vouches_at_any_later_time(
    others: list[Quote], ahead_ms: int, later_ms: int
) -> None:
    liar = replace(quote(1, source="liar"), received_at_ms=NOW_MS, timestamp_ms=NOW_MS + ahead_ms)
    try:
        mark = consensus([*others, liar], market=MARKET, now_ms=NOW_MS + later_ms, rules=RULES)
    except NoConsensus:
        return
    assert "liar" not in mark.sources
    assert mark.price > 2000


@given(st.decimals("0", "1", places=6), st.decimals("0", "1", places=6))
def test_bid_and_ask_never_make_an_absurd_uncertainty(below: Decimal, above: Decimal) -> None:
    sided = replace(quote(3000), bid=3000 * (1 - below) or None, ask=3000 * (1 + above))
    result = outcome([sided])
    if isinstance(result, MarkPrice):
        assert result.uncertainty <= Decimal("0.101")
