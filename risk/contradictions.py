"""Limits that make others unreachable, or deny everything: found and said in a sentence, refused by nobody. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from risk.values import Limits, Protections
from vanta.money import ZERO, format_number, format_percent, format_usd

MINUTES_A_DAY = 24 * 60
DENY_ALL_AT_ZERO = {
    "max_position_size_usd": "The largest position",
    "max_account_risk_pct": "What one position may lose",
    "max_daily_loss_pct": "What a day may lose",
    "price_max_age_s": "The greatest age of a price",
    "price_max_uncertainty_share": "The greatest uncertainty of a price",
    "opens_per_minute": "The openings in a minute",
    "trades_per_day": "The openings in a day",
    "hourly_volume_usd": "The volume of an hour",
    "daily_volume_usd": "The volume of a day",
}
PAIRS = (
    ("drawdown_pct", "drawdown_days", "The drawdown lock", "a share and a number of days"),
    ("market_stops", "market_stops_hours", "The lock after repeated stops", "a number of stops and of hours"),
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two limits of which one can never bind, or one that nothing passes; `sentence` is for people."""

    code: str
    sentence: str


def contradictions(limits: Limits, *, min_notional_usd: Decimal = ZERO) -> tuple[Contradiction, ...]:
    """What does not go together. `min_notional_usd` is the least that any market takes; ZERO where nobody knows."""
    return (
        *_nothing_passes(limits),
        *_volumes(limits),
        *_losses(limits),
        *_smallest_orders(limits, min_notional_usd),
        *_half_pairs(limits.protections),
    )


def _nothing_passes(limits: Limits) -> Iterator[Contradiction]:
    for name, title in DENY_ALL_AT_ZERO.items():
        if getattr(limits, name) <= 0:
            yield Contradiction(f"{name}_is_zero", f"{title} is 0: every opening is denied.")
    if limits.max_leverage < 1:
        yield Contradiction("max_leverage_below_one", "The leverage is below 1x: every opening is denied.")
    if limits.liquidation_buffer_pct >= 1:
        yield Contradiction(
            "liquidation_buffer_is_all", "The liquidation buffer is the whole distance: every opening is denied."
        )


def _volumes(limits: Limits) -> Iterator[Contradiction]:
    size, hour, day = limits.max_position_size_usd, limits.hourly_volume_usd, limits.daily_volume_usd
    if ZERO < hour < size:
        yield Contradiction(
            "hourly_volume_below_position_size",
            f"The volume of an hour ({format_usd(hour)} USDC) is below the largest position "
            f"({format_usd(size)} USDC): no single order can be that large.",
        )
    if ZERO < day < size:
        yield Contradiction(
            "daily_volume_below_position_size",
            f"The volume of a day ({format_usd(day)} USDC) is below the largest position "
            f"({format_usd(size)} USDC): it takes more than a day to build.",
        )
    if ZERO < day < hour:
        yield Contradiction(
            "daily_volume_below_hourly",
            f"The volume of a day ({format_usd(day)} USDC) is below that of an hour ({format_usd(hour)} USDC): "
            "the hour's is never reached.",
        )
    if 0 < limits.trades_per_day < limits.opens_per_minute:
        yield Contradiction(
            "trades_per_day_below_opens_per_minute",
            f"The openings in a day ({limits.trades_per_day}) are fewer than those in a minute "
            f"({limits.opens_per_minute}): the minute's limit is never reached.",
        )


def _losses(limits: Limits) -> Iterator[Contradiction]:
    position, day = limits.max_account_risk_pct, limits.max_daily_loss_pct
    if ZERO < day < position:
        yield Contradiction(
            "account_risk_above_daily_loss",
            f"One position may lose {format_percent(position)} of the equity, but a day only {format_percent(day)}: "
            "no position can use the first.",
        )
    if limits.protections.drawdown_pct is not None and ZERO < limits.protections.drawdown_pct < position:
        yield Contradiction(
            "account_risk_above_drawdown",
            f"One position may lose {format_percent(position)} of the equity, and a drawdown of "
            f"{format_percent(limits.protections.drawdown_pct)} locks: one loss can end the trading of days.",
        )


def _smallest_orders(limits: Limits, min_notional_usd: Decimal) -> Iterator[Contradiction]:
    for name, title in (
        ("max_position_size_usd", "largest position"),
        ("hourly_volume_usd", "volume of an hour"),
        ("daily_volume_usd", "volume of a day"),
    ):
        value = getattr(limits, name)
        if ZERO < value < min_notional_usd:
            yield Contradiction(
                f"{name}_below_min_notional",
                f"The {title} ({format_usd(value)} USDC) is below the smallest order that the venue takes "
                f"({format_usd(min_notional_usd)} USDC): every opening is denied.",
            )


def _half_pairs(protections: Protections) -> Iterator[Contradiction]:
    for first, second, title, both in PAIRS:
        if (getattr(protections, first) is None) != (getattr(protections, second) is None):
            missing = second if getattr(protections, second) is None else first
            yield Contradiction(
                f"{missing}_missing", f"{title} needs {both}: {missing.replace('_', ' ')} is missing, so it is off."
            )
    cooldown = protections.cooldown_minutes
    if cooldown is not None and cooldown >= MINUTES_A_DAY:
        yield Contradiction(
            "cooldown_of_a_day",
            f"The cool-down lasts {format_number(Decimal(cooldown))} minutes, a day or longer: "
            "after one stop nothing opens until then.",
        )
