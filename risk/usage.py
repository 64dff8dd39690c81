"""What a trader has used of the rate limits, as the script in Redis found it. Pure values.

Counts and USDC are both Decimal here; Redis holds USDC as whole units of 1e-6.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from risk.values import Limits
from vanta.money import USDC_QUANTUM, ZERO

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# Lua's numbers are doubles, exact up to 2^53. A window holds at most its limit, one order is added to it before they
# are compared: with both below 2^52 (4.5 thousand million USDC) every sum is exact. What is more is denied.
MAX_LIMIT_UNITS = 2**52 - 1
MAX_ORDER_UNITS = 2**52
MOST_USED = Decimal(MAX_LIMIT_UNITS)


@dataclass(frozen=True, slots=True)
class Window:
    """One rate limit: how far back it looks, and whether it counts openings or sums their notional."""

    code: str
    limit_name: str
    length_ms: int
    is_volume: bool


WINDOWS = (
    Window("opens_per_minute", "opens_per_minute", MINUTE_MS, is_volume=False),
    Window("trades_per_day", "trades_per_day", DAY_MS, is_volume=False),
    Window("hourly_volume", "hourly_volume_usd", HOUR_MS, is_volume=True),
    Window("daily_volume", "daily_volume_usd", DAY_MS, is_volume=True),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One window in front of one order, which is not in `used`.

    `retry_after_ms` is 0 where the order fits now, None where it never will. `oldest_at_ms` is the time of the opening
    that leaves next; None where the window is empty.
    """

    used: Decimal
    retry_after_ms: int | None = 0
    oldest_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """All windows in front of one order, by code. Empty: nobody could look, and nothing opens."""

    standings: dict[str, Standing]

    @property
    def is_known(self) -> bool:
        """Whether every window has a number that a limit can be held against."""
        return all(
            (standing := self.standings.get(window.code)) is not None
            and standing.used.is_finite()
            and ZERO <= standing.used <= MOST_USED
            for window in WINDOWS
        )


UNKNOWN = Usage({})


def units(usd: Decimal) -> int:
    """An order's notional as the script takes it: whole units of 1e-6 USDC, rounded up."""
    return min(int((usd / USDC_QUANTUM).to_integral_value(ROUND_CEILING)), MAX_ORDER_UNITS)


def limit_units(window: Window, limits: Limits) -> int:
    """A window's limit as the script takes it, rounded down."""
    limit = Decimal(getattr(limits, window.limit_name))
    per_unit = USDC_QUANTUM if window.is_volume else Decimal(1)
    return min(int((limit / per_unit).to_integral_value(ROUND_FLOOR)), MAX_LIMIT_UNITS)
