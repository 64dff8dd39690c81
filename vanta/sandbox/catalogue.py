"""The markets that every sandbox lists, as one table of facts; `markets.py` finds them and adds invented ones.

Percentages are percent, as the venue writes them: a fee of 0.045 is 0.045 % of the notional.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

UPSIDE = "_UPSIDE"
FIRST_UPSIDE_INDEX = 106


@dataclass(frozen=True, slots=True)
class PairSpec:
    """One listed pair; an Upside pair shares the price of its base (`price_symbol`)."""

    index: int
    base: str
    quote: str
    group: int
    start_price: float
    yearly_volatility: float
    max_leverage: float
    upside_envelope: tuple[float, float]
    spread_p: float
    upside_spread_p: float
    lazer_id: int
    exponent: int
    coingecko_id: str | None = None
    is_upside: bool = False

    @property
    def symbol(self) -> str:
        return f"{self.base}/{self.quote}"

    @property
    def price_symbol(self) -> str:
        return self.symbol.replace(UPSIDE, "")

    @property
    def group_facts(self) -> GroupFacts:
        return GROUPS[self.group]


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What the pairs of a group have in common. `beta` is the share of the common factor in the group's moves."""

    name: str
    beta: float
    min_notional: float
    open_fee_p: float
    close_fee_p: float
    max_gain_p: float
    borrow_p_per_year: float
    loss_protection_p: float
    oi_share_p: float
    tiers: tuple[tuple[float, float], ...]
    is_spread_dynamic: bool
    asset_type: str
    feed_prefix: str
    schedule: str


_ALWAYS = "America/New_York;O,O,O,O,O,O,O;"
_TEN_TIERS = (
    (1, 80),
    (5, 50),
    (25, 45),
    (50, 37.5),
    (100, 27.5),
    (250, 25),
    (500, 25),
    (1500, 22.5),
    (2500, 15),
    (3000, 2.5),
)
_NINE_TIERS = ((0.5, 80), (1, 80), (2, 60), (5, 50), (10, 40), (20, 30), (50, 20), (100, 20), (500, 20))

GROUPS: dict[int, GroupFacts] = {
    0: GroupFacts("CRYPTO1", 0.8, 100, 0.045, 0.045, 2500, 15, 8, 26, _TEN_TIERS, True, "crypto", "Crypto.", _ALWAYS),
    1: GroupFacts("CRYPTO2", 0.75, 100, 0.045, 0.045, 2500, 20, 8, 13, _TEN_TIERS, True, "crypto", "Crypto.", _ALWAYS),
    2: GroupFacts("FOREX", 0.15, 300, 0.03, 0, 2500, 5, 5, 9, _NINE_TIERS, False, "fx", "FX.", _ALWAYS),
    3: GroupFacts("COMMODITIES", 0.2, 100, 0.08, 0, 1500, 10, 10, 8, _TEN_TIERS, False, "metal", "Metal.", _ALWAYS),
    4: GroupFacts("CRYPTO3", 0.7, 100, 0.045, 0.045, 2500, 20, 3, 4, _TEN_TIERS, True, "crypto", "Crypto.", _ALWAYS),
    5: GroupFacts("CRYPTO4", 0.7, 100, 0.045, 0.045, 2500, 20, 5, 7, _TEN_TIERS, True, "crypto", "Crypto.", _ALWAYS),
    6: GroupFacts(
        "EQUITIES", 0.5, 100, 0.045, 0.045, 1000, 5, 10, 33, _TEN_TIERS, False, "equity", "Equity.US.", _ALWAYS
    ),
}

BASE_PAIRS: tuple[PairSpec, ...] = (
    PairSpec(0, "ETH", "USD", 0, 3000, 0.65, 75, (75, 500), 0.01, 0.01, 2, -8, "ethereum"),
    PairSpec(1, "BTC", "USD", 0, 60000, 0.5, 75, (75, 500), 0, 0.01, 1, -8, "bitcoin"),
    PairSpec(2, "SOL", "USD", 1, 150, 0.85, 75, (75, 500), 0.02, 0.01, 6, -8, "solana"),
    PairSpec(3, "BNB", "USD", 1, 580, 0.6, 40, (1, 50), 0.05, 0.04, 15, -8, "binancecoin"),
    PairSpec(4, "ARB", "USD", 1, 0.85, 0.95, 20, (1, 50), 0.25, 0.04, 37, -8, "arbitrum"),
    PairSpec(5, "DOGE", "USD", 1, 0.14, 0.95, 20, (75, 100), 0.05, 0.05, 13, -8, "dogecoin"),
    PairSpec(6, "AVAX", "USD", 1, 28, 0.9, 20, (1, 50), 0.25, 0.04, 18, -8, "avalanche-2"),
    PairSpec(11, "EUR", "USD", 2, 1.08, 0.07, 100, (1, 500), 0, 0, 327, -5),
    PairSpec(12, "USD", "JPY", 2, 150, 0.1, 100, (200, 1000), 0, 0.02, 340, -3),
    PairSpec(13, "GBP", "USD", 2, 1.27, 0.08, 100, (1, 500), 0, 0, 333, -5),
    PairSpec(14, "USD", "CAD", 2, 1.36, 0.06, 50, (1, 75), 0.01, 0.01, 338, -5),
    PairSpec(15, "USD", "CHF", 2, 0.88, 0.08, 50, (1, 75), 0.01, 0.01, 339, -5),
    PairSpec(17, "AUD", "USD", 2, 0.66, 0.1, 50, (1, 75), 0.01, 0.01, 315, -5),
    PairSpec(20, "XAG", "USD", 3, 29, 0.3, 75, (75, 250), 0.1, 0.05, 345, -5),
    PairSpec(21, "XAU", "USD", 3, 2400, 0.16, 75, (75, 250), 0, 0.02, 346, -3),
    PairSpec(23, "PEPE", "USD", 4, 0.000011, 1.2, 20, (75, 100), 0.05, 0.075, 4, -10, "pepe"),
    PairSpec(25, "WIF", "USD", 4, 2.1, 1.3, 20, (75, 100), 0.05, 0.075, 10, -8, "dogwifcoin"),
    PairSpec(31, "ONDO", "USD", 5, 0.95, 1.0, 10, (1, 25), 0.3, 0.1, 201, -8, "ondo-finance"),
    PairSpec(37, "AERO", "USD", 5, 1.1, 1.1, 10, (1, 25), 0.4, 0.1, 179, -8, "aerodrome-finance"),
    PairSpec(41, "LINK", "USD", 1, 14.5, 0.85, 20, (1, 50), 0.1, 0.04, 19, -8, "chainlink"),
    PairSpec(49, "SUI", "USD", 1, 1.6, 1.0, 20, (1, 25), 0.1, 0.06, 11, -8, "sui"),
    PairSpec(59, "XRP", "USD", 1, 0.58, 0.8, 75, (75, 500), 0.05, 0.04, 14, -8, "ripple"),
    PairSpec(62, "HYPE", "USD", 5, 24, 1.1, 20, (75, 250), 0.2, 0.2, 110, -8, "hyperliquid"),
    PairSpec(78, "US500", "USD", 6, 5500, 0.16, 100, (1, 100), 0, 0, 1398, -5),
    PairSpec(79, "US100", "USD", 6, 19500, 0.21, 100, (1, 100), 0, 0, 1363, -5),
    PairSpec(80, "COIN", "USD", 6, 215, 0.75, 25, (1, 25), 0.05, 0, 1042, -5),
    PairSpec(81, "NVDA", "USD", 6, 125, 0.5, 25, (1, 25), 0.05, 0, 1314, -5),
    PairSpec(82, "AAPL", "USD", 6, 225, 0.26, 25, (1, 25), 0.05, 0, 922, -5),
    PairSpec(86, "TSLA", "USD", 6, 210, 0.6, 25, (1, 25), 0.05, 0, 1435, -5),
    PairSpec(96, "WTI", "USD", 3, 78, 0.35, 25, (1, 25), 0.1, 0, 3068, -5),
)
_UPSIDE_BASES = ("ETH/USD", "BTC/USD", "SOL/USD", "USD/JPY", "XAG/USD", "XAU/USD")


def _upside_twin(spec: PairSpec, index: int) -> PairSpec:
    if spec.base == "USD":
        return replace(spec, index=index, quote=spec.quote + UPSIDE, is_upside=True)
    return replace(spec, index=index, base=spec.base + UPSIDE, is_upside=True)


def _twins() -> tuple[PairSpec, ...]:
    by_symbol = {spec.symbol: spec for spec in BASE_PAIRS}
    return tuple(_upside_twin(by_symbol[name], FIRST_UPSIDE_INDEX + n) for n, name in enumerate(_UPSIDE_BASES))


UPSIDE_PAIRS: tuple[PairSpec, ...] = _twins()
