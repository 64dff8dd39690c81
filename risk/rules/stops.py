"""A stop that Vanta names: with it, an order that may lose too much would pass. Pure."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from feeds.consensus import MarkPrice
from risk.margin import Side
from risk.rules import exposure, price, venue
from risk.rules.case import Case, Rule
from risk.values import PRICE_TICK
from vanta.money import ZERO

SIGNIFICANT_DIGITS = 7
STOP_RULES: tuple[Rule, ...] = (
    price.liquidation_buffer,
    price.stop_before_liquidation,
    venue.stop_side,
    venue.stop_reach,
    venue.stop_room,
)


def passing_stop(case: Case, rule: Rule, budget_usd: Decimal) -> Decimal | None:
    """The furthest stop with which `rule` passes, because no more than its budget is lost, and that no rule refuses."""
    if not isinstance(case.entry, MarkPrice):
        return None
    furthest = (
        exposure.stop_within(case, case.entry, budget_usd),
        price.stop_at_buffer(case, case.entry),
        venue.furthest_stop(case, case.entry),
    )
    is_long = case.order.side is Side.LONG
    nearest = (max if is_long else min)(stop for stop in furthest if stop is not None)
    tick = max(PRICE_TICK, Decimal(1).scaleb(case.entry.price.adjusted() + 1 - SIGNIFICANT_DIGITS))
    if nearest <= ZERO:
        return None
    stop = nearest.quantize(tick, rounding=ROUND_CEILING if is_long else ROUND_FLOOR)
    stopped = case.with_stop(stop)
    answers = (asked(stopped) for asked in (rule, *STOP_RULES))
    return stop if stop > ZERO and all(answer is None or answer.passed for answer in answers) else None
