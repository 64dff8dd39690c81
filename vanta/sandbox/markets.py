"""The markets of one sandbox: the catalogue's, and as many invented ones as it was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from vanta.sandbox.catalogue import BASE_PAIRS, UPSIDE_PAIRS, PairSpec

FEWEST, MOST = len(BASE_PAIRS), 1000
FIRST_INVENTED_INDEX, FIRST_INVENTED_LAZER_ID = 200, 10_000
# Group, leverage and spread of an invented market, in turn.
_INVENTED_TERMS = ((1, 20, 0.25), (4, 20, 0.3), (5, 10, 0.4))
_GOLDEN = 0.618


class Listing:
    """Every pair that is listed, and the names that a pair is asked for by. It does not change."""

    def __init__(self, bases: Sequence[PairSpec], twins: Sequence[PairSpec]) -> None:
        self.bases = tuple(bases)
        self.pairs = (*bases, *twins)
        self.by_index = {spec.index: spec for spec in self.pairs}
        self.by_lazer_id = {spec.lazer_id: spec for spec in bases}
        self.by_coingecko_id = {spec.coingecko_id: spec for spec in bases if spec.coingecko_id}
        self._by_symbol = {spec.symbol: spec for spec in self.pairs}

    def find(self, text: str) -> PairSpec | None:
        """The pair called `text` in any case and with any separator ("eth", "ETH/USD", "Crypto.ETH/USD"), or None."""
        name = text.strip().upper().rsplit(".", 1)[-1].replace("-", "/")
        for candidate in (name, f"{name}/USD", f"USD/{name}"):
            if candidate in self._by_symbol:
                return self._by_symbol[candidate]
        return None


def list_markets(count: int | None = None) -> Listing:
    """The catalogue, with invented crypto markets up to `count` prices in all.

    Raises ValueError for fewer than the catalogue has, and for more than MOST.
    """
    wanted = FEWEST if count is None else count
    if not FEWEST <= wanted <= MOST:
        raise ValueError(f"there can be {FEWEST} to {MOST} markets")
    invented = [_invented(number) for number in range(FEWEST + 1, wanted + 1)]
    return Listing([*BASE_PAIRS, *invented], UPSIDE_PAIRS)


def _invented(number: int) -> PairSpec:
    """The market that makes it `number` in all: no CoinGecko id, no Upside twin, a price between 0.05 and 500 USD."""
    group, max_leverage, spread_p = _INVENTED_TERMS[number % len(_INVENTED_TERMS)]
    return PairSpec(
        index=FIRST_INVENTED_INDEX + number,
        base=f"ALT{number:03}",
        quote="USD",
        group=group,
        start_price=round(0.05 * 10 ** (number * _GOLDEN % 4), 4),
        yearly_volatility=0.8 + number % 6 / 10,
        max_leverage=max_leverage,
        upside_envelope=(1, 25),
        spread_p=spread_p,
        upside_spread_p=0.1,
        lazer_id=FIRST_INVENTED_LAZER_ID + number,
        exponent=-8,
    )
