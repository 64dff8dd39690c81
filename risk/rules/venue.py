"""Whether orders may be sent at all, and what the venue itself refuses. Pure.

Source of the venue's own rules: the SDK's `compute.validate_order`, checked against it in tests.
"""

from decimal import Decimal
from itertools import pairwise

from feeds.consensus import MarkPrice
from risk.margin import Side
from risk.rules.case import Case, Surroundings, at_least, at_most, resulting
from risk.values import CheckResult, MarketRules, TradingState
from vanta.money import ONE, ZERO

MAX_SPREAD_RATE = Decimal("0.01")
SPREAD_LOSS_LIMIT = Decimal("0.251")  # spread × leverage: what the fill alone costs, as a fraction of the collateral
STOP_MARGIN_RATE = Decimal("0.0001")  # beyond the spread, for a stop that can be executed
MIN_UPSIDE_STOP_RATE = Decimal("0.05")
# The venue's least stop for Upside orders, as (leverage, fraction of the collateral), linear in between.
UPSIDE_STOP_CURVE = tuple(
    (Decimal(leverage), Decimal(rate))
    for leverage, rate in (
        ("0", "0"),
        ("10", "0.015"),
        ("25", "0.0375"),
        ("50", "0.075"),
        ("100", "0.1125"),
        ("250", "0.30"),
        ("500", "0.45"),
        ("1000", "0.54"),
    )
)


def state_allows_openings(case: Surroundings) -> CheckResult:
    return CheckResult("trading_state", case.trading_state is TradingState.ACTIVE, detail=case.trading_state.value)


def market_is_listed(case: Surroundings) -> CheckResult:
    return CheckResult("market_not_listed", case.market.is_listed)


def market_takes_openings(case: Surroundings) -> CheckResult:
    return CheckResult("market_close_only", not case.market.is_close_only)


def market_is_open(market: MarketRules) -> CheckResult:
    """The detail is the next opening time, where it is known."""
    opens_at = "" if market.is_open or market.opens_at is None else market.opens_at.isoformat()
    return CheckResult("market_closed", market.is_open, detail=opens_at)


def market_hours(case: Surroundings) -> CheckResult:
    return market_is_open(case.market)


def previous_order_is_resolved(case: Surroundings) -> CheckResult:
    return CheckResult("previous_order_unresolved", not case.account.exposure.has_unresolved_order)


def positions_in_market(case: Case) -> CheckResult | None:
    """The venue numbers a trader's positions in a pair and has so many numbers."""
    if case.market.max_positions is None or case.order.increases is not None:
        return None
    count = Decimal(case.account.exposure.position_count + 1)
    return at_most("too_many_positions", count, Decimal(case.market.max_positions))


def min_notional(case: Case) -> CheckResult:
    return at_least("min_notional", case.order.notional_usd, case.market.min_notional_usd)


def headroom(case: Case) -> CheckResult | None:
    if case.market.headroom_usd is None:
        return None
    return at_most("headroom", case.order.notional_usd, case.market.headroom_usd)


def spread_width(case: Surroundings) -> CheckResult:
    return at_most("spread_too_wide", case.market.spread_rate, MAX_SPREAD_RATE)


def spread_loss(case: Case) -> CheckResult:
    loss = case.market.spread_rate * case.order.leverage
    return CheckResult("spread_loss", loss < SPREAD_LOSS_LIMIT, loss, SPREAD_LOSS_LIMIT)


def stop_side(case: Case) -> CheckResult | None:
    if case.order.stop_price is None or not isinstance(case.entry, MarkPrice):
        return None
    passed = adverse_move(case.order.side, case.entry, case.order.stop_price) > ZERO
    return CheckResult("stop_wrong_side", passed, case.order.stop_price, case.entry.price)


def stop_reach(case: Case) -> CheckResult | None:
    """Loss at the stop, as a fraction of the collateral, is no more than the venue takes."""
    stop = case.order.stop_price
    if case.market.max_stop_loss_rate is None or stop is None or not isinstance(case.entry, MarkPrice):
        return None
    base, leverage = _base(case, case.entry)
    loss_rate = case.order.side.sign * (base - stop) / base * leverage
    return at_most("stop_too_far", loss_rate, case.market.max_stop_loss_rate)


def stop_room(case: Case) -> CheckResult | None:
    """The stop is far enough away for the venue to guarantee its execution; a fraction of the collateral."""
    if case.order.stop_price is None or not isinstance(case.entry, MarkPrice):
        return None
    move = adverse_move(case.order.side, case.entry, case.order.stop_price)
    if move <= ZERO:
        return None
    _, leverage = _base(case, case.entry)
    return at_least("stop_too_close", move * leverage, least_stop_rate(case.market, leverage))


def least_stop_rate(market: MarketRules, leverage: Decimal) -> Decimal:
    """The least loss at a stop that the venue takes, as a fraction of the collateral."""
    least = (market.spread_rate + STOP_MARGIN_RATE) * leverage
    return max(least, MIN_UPSIDE_STOP_RATE, least_upside_stop_rate(leverage)) if market.is_upside else least


def furthest_stop(case: Case, mark: MarkPrice) -> Decimal | None:
    """The furthest stop, exact, that the venue takes; None where it takes any."""
    rate = case.market.max_stop_loss_rate
    base, leverage = _base(case, mark)
    return None if rate is None else base * (ONE - case.order.side.sign * rate / leverage)


def _base(case: Case, mark: MarkPrice) -> tuple[Decimal, Decimal]:
    """What a stop's loss is measured from, and at which leverage: the mark; of an increase the resulting position."""
    if case.order.increases is None:
        return mark.price, case.order.leverage
    position = resulting(case.order, mark, case.market.spread_rate)
    return position.entry_price, position.leverage


def take_profit_side(case: Case) -> CheckResult | None:
    if case.order.take_profit_price is None or not isinstance(case.entry, MarkPrice):
        return None
    passed = adverse_move(case.order.side, case.entry, case.order.take_profit_price) < ZERO
    return CheckResult("take_profit_wrong_side", passed, case.order.take_profit_price, case.entry.price)


def take_profit_reach(case: Case) -> CheckResult | None:
    """Gain at the take-profit, as a fraction of the collateral, is no more than the venue pays.

    Not asked of an increase: it sends none, and the venue's own cap on gains may be a position's take-profit.
    """
    target = case.order.take_profit_price
    if case.market.max_gain_rate is None or target is None or not isinstance(case.entry, MarkPrice):
        return None
    if case.order.increases is not None:
        return None
    gain_rate = -adverse_move(case.order.side, case.entry, target) * case.order.leverage
    return at_most("take_profit_too_far", gain_rate, case.market.max_gain_rate)


def adverse_move(side: Side, mark: MarkPrice, price: Decimal) -> Decimal:
    """How far the price would move against that side from the mark to `price`, as a fraction of the mark."""
    return side.sign * (mark.price - price) / mark.price


def least_upside_stop_rate(leverage: Decimal) -> Decimal:
    """The venue's `compute.pnl_order_min_sl` as a fraction of the collateral; constant beyond 1000x."""
    for (low, low_rate), (high, high_rate) in pairwise(UPSIDE_STOP_CURVE):
        if leverage <= high:
            return low_rate + (leverage - low) / (high - low) * (high_rate - low_rate)
    return UPSIDE_STOP_CURVE[-1][1]
