"""One price from many quotes, or a typed reason why there is none. Pure: values in, values out, nothing else raised.

A quote vouches while it is fresh by its source's own clock; an older one, up to its source's own maximum age, can only
veto.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isqrt
from typing import Literal

from vanta.errors import VantaError
from vanta.money import ZERO

ExclusionReason = Literal["malformed", "future", "expired", "duplicate_upstream", "outlier"]
NoConsensusReason = Literal["no_quotes", "no_fresh_quote", "not_enough_upstreams", "outliers", "vetoed"]

# Volatility of a price per square root of a second, as a fraction. 0.00015 is 84 % a year (0.84 / √31 536 000 s), the
# upper range of the large crypto pairs' realised volatility; less volatile groups have their own (feeds/catalogue.py).
DEFAULT_SIGMA_PER_SQRT_S = Decimal("0.00015")
MAX_PRICE_EXPONENT = 14  # prices from 1e-18 to 1e15 USD; anything else is a mistake or an attack
MIN_PRICE_EXPONENT = -18
MAX_WEIGHT = Decimal(1000)
MAX_SIDE_DISTANCE = Decimal("0.1")  # of the price: a source whose bid or ask is further away contradicts itself
ANCIENT_MS = 86_400_000  # no quote older than a day says anything, whatever its source declares
TWO = Decimal(2)


@dataclass(frozen=True, slots=True)
class Quote:
    """What one source said of one market. `timestamp_ms` is the source's own; prices in USD per unit of base.

    `upstream` names where the source has it from: two quotes of one upstream count once. `max_age_ms` is how long the
    source's quotes are worth hearing at all, if only to veto.
    """

    market: str
    source: str
    upstream: str
    price: Decimal
    timestamp_ms: int
    received_at_ms: int
    weight: Decimal
    max_age_ms: int
    bid: Decimal | None = None
    ask: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A quote that did not count, and why."""

    source: str
    reason: ExclusionReason


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """A price that Vanta vouches for. `uncertainty` is a fraction of the price.

    `as_of_ms` is the time of the quote it is taken from (the older one where it lies between two), by the source's own
    clock.
    """

    market: str
    price: Decimal
    uncertainty: Decimal
    as_of_ms: int
    sources: tuple[str, ...]
    excluded: tuple[Exclusion, ...]


class NoConsensus(VantaError):
    """There is no price to trust; `reason` is stable, `excluded` says which quotes did not count."""

    code = "no_consensus"
    retryable = True

    def __init__(self, reason: NoConsensusReason, *, market: str = "", excluded: tuple[Exclusion, ...] = ()) -> None:
        super().__init__(f"no consensus ({reason})", market=market)
        self.reason = reason
        self.market = market
        self.excluded = excluded

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.reason, self.market, self.excluded)


def _rebuild(reason: NoConsensusReason, market: str, excluded: tuple[Exclusion, ...]) -> NoConsensus:
    return NoConsensus(reason, market=market, excluded=excluded)


@dataclass(frozen=True, slots=True)
class ConsensusRules:
    """How fresh, how close, how many. Deviations and σ are fractions of the price."""

    max_age_ms: int = 5000
    max_deviation: Decimal = Decimal("0.005")
    veto_sigmas: Decimal = Decimal(4)
    sigma_per_sqrt_s: Decimal = DEFAULT_SIGMA_PER_SQRT_S
    min_upstreams: int = 1
    max_future_ms: int = 2000


@dataclass(slots=True)
class _Heard:
    """The quotes that count, one an upstream, by what they may do; and those that do not."""

    vouching: list[Quote] = field(default_factory=list)
    vetoing: list[Quote] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)


def consensus(quotes: Sequence[Quote], *, market: str, now_ms: int, rules: ConsensusRules) -> MarkPrice:
    """The price of `market` at `now_ms`: the weighted median of the vouching quotes that no older quote vetoes.

    The order of `quotes` never matters. Raises NoConsensus and nothing else, whatever the quotes hold.
    """
    if not quotes:
        raise NoConsensus("no_quotes", market=market)
    heard = _hear(quotes, market, now_ms, rules)
    if not heard.vouching:
        raise NoConsensus("no_fresh_quote", market=market, excluded=_stable(heard.excluded))
    accepted, median = _without_outliers(heard, rules)
    excluded = _stable(heard.excluded)
    if not accepted:
        raise NoConsensus("outliers", market=market, excluded=excluded)
    if len(accepted) < rules.min_upstreams:
        raise NoConsensus("not_enough_upstreams", market=market, excluded=excluded)
    price, as_of_ms = median
    if any(not _within_veto_band(veto, price, now_ms, rules) for veto in heard.vetoing):
        raise NoConsensus("vetoed", market=market, excluded=excluded)
    drift = rules.sigma_per_sqrt_s * sqrt_of_ms(now_ms - as_of_ms)
    sources = tuple(sorted([quote.source for quote in accepted]))
    return MarkPrice(market, price, _half_spread(accepted, price) + drift, as_of_ms, sources, excluded)


def sqrt_of_ms(duration_ms: int) -> Decimal:
    """√seconds of a duration in milliseconds, to a millionth, rounded up; 0 for a negative one.

    Integer root: several times faster than Decimal's, and it cannot raise.
    """
    return Decimal(isqrt(duration_ms * 1_000_000_000) + 1).scaleb(-6) if duration_ms > 0 else ZERO


def _hear(quotes: Sequence[Quote], market: str, now_ms: int, rules: ConsensusRules) -> _Heard:
    heard = _Heard()
    freshest: dict[str, Quote] = {}
    for quote in quotes:
        reason = _unusable(quote, market, now_ms, rules)
        if reason is not None:
            heard.excluded.append(Exclusion(str(quote.source), reason))
            continue
        rival = freshest.get(quote.upstream)
        if rival is None:
            freshest[quote.upstream] = quote
            continue
        winner, loser = (quote, rival) if _rank(quote) > _rank(rival) else (rival, quote)
        freshest[quote.upstream] = winner
        heard.excluded.append(Exclusion(loser.source, "duplicate_upstream"))
    for quote in freshest.values():
        (heard.vouching if now_ms - quote.timestamp_ms <= rules.max_age_ms else heard.vetoing).append(quote)
    return heard


def _unusable(quote: Quote, market: str, now_ms: int, rules: ConsensusRules) -> ExclusionReason | None:
    if quote.market != market or not _well_formed(quote):
        return "malformed"
    age_ms = now_ms - quote.timestamp_ms
    # Also against the moment it came in: a stamp ahead of that would make an old price look fresh later.
    if age_ms < -rules.max_future_ms or quote.timestamp_ms > quote.received_at_ms + rules.max_future_ms:
        return "future"
    return "expired" if age_ms > quote.max_age_ms or age_ms > ANCIENT_MS else None


def _well_formed(quote: Quote) -> bool:
    times = (quote.timestamp_ms, quote.received_at_ms, quote.max_age_ms)
    if not (all(isinstance(time, int) for time in times) and _is_price(quote.price)):
        return False
    if not (_is_text(quote.source) and _is_text(quote.upstream)):
        return False
    weight, bid, ask = quote.weight, quote.bid, quote.ask
    if not (isinstance(weight, Decimal) and weight.is_finite() and ZERO < weight <= MAX_WEIGHT):
        return False
    if bid is None or ask is None:
        return (bid is None or _is_price(bid)) and (ask is None or _is_price(ask))
    if not (_is_price(bid) and _is_price(ask) and bid <= ask):
        return False
    return max(abs(bid - quote.price), abs(ask - quote.price)) <= quote.price * MAX_SIDE_DISTANCE


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_price(value: object) -> bool:
    # `adjusted` is the exponent of the first digit, 0 for NaN, infinities: hence is_finite first
    return (
        isinstance(value, Decimal)
        and value.is_finite()
        and value > ZERO
        and MIN_PRICE_EXPONENT <= value.adjusted() <= MAX_PRICE_EXPONENT
    )


def _rank(quote: Quote) -> tuple[int, Decimal, str, Decimal, Decimal, Decimal]:
    """Freshest first; the rest only makes a tie come out the same in any order."""
    return quote.timestamp_ms, quote.weight, quote.source, quote.price, quote.bid or ZERO, quote.ask or ZERO


def _without_outliers(heard: _Heard, rules: ConsensusRules) -> tuple[list[Quote], tuple[Decimal, int]]:
    first = _weighted_median(heard.vouching)
    if len(heard.vouching) == 1:
        return heard.vouching, first
    limit = rules.max_deviation * first[0]
    accepted = []
    for quote in heard.vouching:
        if abs(quote.price - first[0]) <= limit:
            accepted.append(quote)
        else:
            heard.excluded.append(Exclusion(quote.source, "outlier"))
    unchanged = len(accepted) == len(heard.vouching)
    return accepted, first if unchanged or not accepted else _weighted_median(accepted)


def _weighted_median(quotes: list[Quote]) -> tuple[Decimal, int]:
    """The price where half of the weight is reached, and its time; between two, their middle and the older time."""
    if len(quotes) == 1:
        return quotes[0].price, quotes[0].timestamp_ms
    ordered = sorted(quotes, key=_by_price)
    remaining = sum([quote.weight for quote in ordered], ZERO) / TWO
    for position, quote in enumerate(ordered):
        remaining -= quote.weight
        if remaining < ZERO:
            return quote.price, quote.timestamp_ms
        if remaining == ZERO:
            higher = ordered[position + 1]
            middle = (quote.price + higher.price) / TWO
            middle = min(max(middle, quote.price), higher.price)  # prices of more than 28 digits round outside
            return middle, min(quote.timestamp_ms, higher.timestamp_ms)
    return ordered[-1].price, ordered[-1].timestamp_ms  # weights of more than 28 digits: their sum may round up


def _by_price(quote: Quote) -> tuple[Decimal, int, str]:
    return quote.price, quote.timestamp_ms, quote.source


def _within_veto_band(veto: Quote, price: Decimal, now_ms: int, rules: ConsensusRules) -> bool:
    root = sqrt_of_ms(now_ms - veto.timestamp_ms)
    band = rules.max_deviation + rules.veto_sigmas * rules.sigma_per_sqrt_s * root
    return abs(veto.price - price) <= band * price


def _half_spread(accepted: list[Quote], price: Decimal) -> Decimal:
    """The widest half of a bid/ask among the quotes, as a fraction of the price; 0 where none gives both sides."""
    widest = ZERO
    for quote in accepted:
        if quote.bid is not None and quote.ask is not None:
            widest = max(widest, quote.ask - quote.bid)
    return widest / TWO / price if widest else ZERO


def _stable(excluded: list[Exclusion]) -> tuple[Exclusion, ...]:
    return tuple(sorted(excluded, key=lambda exclusion: (exclusion.source, exclusion.reason)))
