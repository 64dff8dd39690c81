"""Deciding on new stops of an open position. Pure.

What changes must be a level that the venue takes. A stop that is looser than before is weighed like an opening, by the
same rules about loss; one that is tighter is denied by no limit.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from feeds.consensus import MarkPrice
from risk import margin
from risk.checks import ARITHMETIC
from risk.margin import Side
from risk.rules import day, exposure, inputs, price, venue
from risk.rules.case import Case, at_least, at_most
from risk.rules.stops import SIGNIFICANT_DIGITS
from risk.values import PRICE_TICK, CheckResult, Denial, OpeningRequest, OpenPosition, RiskDecision, TradingState
from vanta.money import ONE, ZERO

NEARER = frozenset({"stop_wrong_side", "stop_too_close"})  # a stop further away passes these
FURTHER = frozenset(
    {"stop_beyond_liquidation", "stop_too_far", "liquidation_buffer", "account_risk", "daily_loss"}
)  # and one that is nearer, these


@dataclass(frozen=True, slots=True)
class StopChange:
    """The position that new stops are for, and what it has now. The new ones are in the case's order.

    `stop_was` is the tightest that holds or is on its way. `known` is the mark, or the last one where there is none
    now; None where there never was one.
    """

    position: OpenPosition
    liquidation_price: Decimal
    stop_was: Decimal | None
    take_profit_was: Decimal | None
    known: MarkPrice | None


def is_looser(side: Side, stop: Decimal | None, than: Decimal | None) -> bool:
    """Whether more can be lost with `stop`: it is further away, or there is none any more."""
    return than is not None and (stop is None or side.sign * (stop - than) < ZERO)


def decide(case: Case, change: StopChange) -> RiskDecision:
    """Decide on the stops of `case.order`, which describes the position as it would be.

    `case.account` is the account with the new stop in it. Never raises for a stop or a take-profit, whatever it is.
    """
    with localcontext(ARITHMETIC):
        checks = _ask(case, change)
        denials = tuple(_denial(case, change, check) for check in checks if not check.passed)
    return RiskDecision(denials=denials, checks=checks)


def loosens(case: Case, change: StopChange) -> bool:
    """Whether the new stop is looser than any that holds or is on its way."""
    return is_looser(case.order.side, case.order.stop_price, change.stop_was)


def worst_loss_usd(case: Case, change: StopChange) -> Decimal:
    """W of the position with the new stop."""
    return exposure.held_loss_usd(
        case,
        change.position,
        stop_price=case.order.stop_price,
        liquidation_price=change.liquidation_price,
        slippage_rate=case.order.slippage_rate,
    )


def _ask(case: Case, change: StopChange) -> tuple[CheckResult, ...]:
    asked = [
        _state(case, change),
        venue.market_hours(case),
        *_levels(case, change),
        *(_limits(case, change) if loosens(case, change) else ()),
    ]
    return tuple(result for result in asked if result is not None)


def _state(case: Case, change: StopChange) -> CheckResult:
    """What loosens needs ACTIVE; the detail says so where that is what is missing."""
    state = case.trading_state
    if state is TradingState.REDUCING and loosens(case, change):
        return CheckResult("trading_state", False, detail="looser")
    return CheckResult("trading_state", state is not TradingState.HALTED, detail=state.value)


def _levels(case: Case, change: StopChange) -> list[CheckResult | None]:
    """What the venue takes: sides and room by the price now, reach from where the position began.

    Only of what changes: a level that is kept has been taken before.
    """
    now = replace(case, mark=change.known) if change.known else case
    begun = replace(case, mark=_at_entry(case, change))
    found: list[CheckResult | None] = []
    if case.order.stop_price not in (None, change.stop_was):
        if unsound := inputs.stop_is_a_price(case):
            return [unsound]
        found += [
            venue.stop_side(now),
            _before_liquidation(case, change),
            venue.stop_reach(begun),
            venue.stop_room(now),
        ]
    if case.order.take_profit_price not in (None, change.take_profit_was):
        if unsound := inputs.take_profit_is_a_price(case):
            return [unsound]
        found += [venue.take_profit_side(now), venue.take_profit_reach(begun)]
    return found


def _at_entry(case: Case, change: StopChange) -> MarkPrice:
    return MarkPrice(case.order.market, change.position.entry_price, ZERO, case.now_ms, (), ())


def _before_liquidation(case: Case, change: StopChange) -> CheckResult | None:
    stop = case.order.stop_price
    if stop is None:
        return None
    passed = case.order.side.sign * (stop - change.liquidation_price) > ZERO
    return CheckResult("stop_beyond_liquidation", passed, stop, change.liquidation_price)


def _limits(case: Case, change: StopChange) -> list[CheckResult | None]:
    """The rules about loss, as openings meet them."""
    return [
        price.price_is_there(case),
        price.price_age(case),
        at_most("account_risk", worst_loss_usd(case, change), exposure.risk_budget_usd(case)),
        at_most("daily_loss", day.at_risk_usd(case.account), day.limit_usd(case.account, case.limits)),
        day.daily_loss_lock(case),
        _buffer(case, change),
    ]


def _buffer(case: Case, change: StopChange) -> CheckResult | None:
    """A stop keeps its distance from liquidation, as fractions of the entry."""
    stop, held = case.order.stop_price, change.position
    if stop is None:
        return None
    left = held.side.sign * (stop - change.liquidation_price) / held.entry_price
    return at_least("liquidation_buffer", left, _kept(case, change) / held.entry_price, "stop")


def _kept(case: Case, change: StopChange) -> Decimal:
    """The liquidation buffer in USD of the price."""
    return case.limits.liquidation_buffer_pct * abs(change.position.entry_price - change.liquidation_price)


def _denial(case: Case, change: StopChange, check: CheckResult) -> Denial:
    """What was measured, and the nearest to what was wanted that would pass."""
    denial = Denial(check.code, check.measured, check.limit, detail=check.detail)
    if check.code in FURTHER or check.code in NEARER:
        stop = _furthest_stop(case, change) if check.code in FURTHER else _nearest_stop(case, change)
        if stop and _passes(case, change, replace(case.order, stop_price=stop), "take_profit"):
            return replace(denial, stop_price=stop)
    if check.code == "take_profit_too_far":
        target = _furthest_take_profit(case, change)
        if target and _passes(case, change, replace(case.order, take_profit_price=target), "stop"):
            return replace(denial, take_profit_price=target)
    return denial


def _furthest_stop(case: Case, change: StopChange) -> Decimal | None:
    """Exact: where limits, buffer, liquidation and the venue still take it; only the last two bind a tighter one."""
    side, entry = case.order.side, change.position.entry_price
    furthest = [change.liquidation_price + side.sign * PRICE_TICK]
    if case.market.max_stop_loss_rate is not None:
        furthest.append(entry * (ONE - side.sign * case.market.max_stop_loss_rate / case.order.leverage))
    if loosens(case, change):
        furthest.append(change.liquidation_price + side.sign * _kept(case, change))
        furthest.append(_stop_at(case, change, _loss_budget_usd(case, change)))
    return _ticked(case, change, (max if side is Side.LONG else min)(furthest), towards_price=True)


def _loss_budget_usd(case: Case, change: StopChange) -> Decimal:
    """What the position may lose by both limits; the day's is what it has too much, less."""
    excess = day.at_risk_usd(case.account) - day.limit_usd(case.account, case.limits)
    return min(exposure.risk_budget_usd(case), worst_loss_usd(case, change) - excess)


def _stop_at(case: Case, change: StopChange, loss_usd: Decimal) -> Decimal:
    held = change.position
    return margin.stop_price_at_loss(
        side=held.side,
        entry_price=held.entry_price,
        notional_usd=held.notional_usd,
        loss_usd=loss_usd,
        spread_rate=case.market.spread_rate,
        slippage_rate=case.order.slippage_rate,
        close_fee_rate=exposure.close_fee_rate(case.market),
        accrued_fees_usd=held.accrued_fees_usd,
    )


def _nearest_stop(case: Case, change: StopChange) -> Decimal | None:
    """As near to the price as the venue takes one."""
    if change.known is None:
        return None
    least = venue.least_stop_rate(case.market, case.order.leverage) / case.order.leverage
    return _ticked(case, change, change.known.price * (ONE - case.order.side.sign * least), towards_price=False)


def _furthest_take_profit(case: Case, change: StopChange) -> Decimal | None:
    if case.market.max_gain_rate is None:
        return None
    move = case.order.side.sign * case.market.max_gain_rate / case.order.leverage
    return _ticked(case, change, change.position.entry_price * (ONE + move), towards_price=False)


def _ticked(case: Case, change: StopChange, exact: Decimal, *, towards_price: bool) -> Decimal | None:
    """A price of a few digits on the safe side; None where there is none above zero."""
    if exact <= ZERO:
        return None
    digits = Decimal(1).scaleb(change.position.entry_price.adjusted() + 1 - SIGNIFICANT_DIGITS)
    rounds_up = (case.order.side is Side.LONG) == towards_price
    return exact.quantize(max(PRICE_TICK, digits), rounding=ROUND_CEILING if rounds_up else ROUND_FLOOR)


def _passes(case: Case, change: StopChange, order: OpeningRequest, other: str) -> bool:
    """Whether every check passes on the position with these levels, but those on the other of the two."""
    tried = replace(case, order=order)
    saved_usd = worst_loss_usd(case, change) - worst_loss_usd(tried, change)
    held_day = replace(case.account.day, positions_usd=case.account.day.positions_usd - saved_usd)
    tried = replace(tried, account=replace(case.account, day=held_day))
    return all(check.passed or check.code.startswith(other) for check in _ask(tried, change))
