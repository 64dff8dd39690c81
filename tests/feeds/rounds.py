"""Rounds of Chainlink's aggregators with valid minimal defaults."""

from feeds.sources.chainlink import Round
from vanta import clock

ROUND_ID = (1 << 64) + 7  # a proxy's: the phase in the upper bits
DAY_S = 86_400


def price_round(answer: int, *, age_s: int = 0) -> Round:
    """A complete round, updated `age_s` ago."""
    at_s = now_s() - age_s
    return Round(ROUND_ID, answer, at_s - 1, at_s, ROUND_ID)


def sequencer_round(*, is_down: bool = False, for_s: int = DAY_S) -> Round:
    """The uptime feed's round since the sequencer went up or down."""
    return Round(ROUND_ID, int(is_down), now_s() - for_s, now_s(), ROUND_ID)


def now_s() -> int:
    return clock.now_ms() // 1000
