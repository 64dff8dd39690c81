"""The checks on adding margin to an open position and on withdrawing it. Pure; the codes are those of openings.

Adding lets go of free balance and lowers the leverage; withdrawing raises the leverage and brings liquidation nearer,
so that the resulting position has to pass what an opening has to.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from feeds.consensus import MarkPrice
from risk.checks import ARITHMETIC, largest
from risk.rules import day, exposure, inputs, live, price, venue
from risk.rules.case import Resulting, Surroundings, at_least, at_most
from risk.values import COLLATERAL_TICK, CheckResult, Denial, OpenPosition, RiskDecision, TradingState
from vanta.money import ONE, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCase(Surroundings):
    """One move of margin: `amount_usd` more collateral (negative: less), and everything that a rule may look at.

    `is_changing`: another order about the position is under way, so that what comes of both is not known yet.
    """

    amount_usd: Decimal
    position: OpenPosition
    stop_price: Decimal | None
    slippage_rate: Decimal
    is_changing: bool = False

    @property
    def after(self) -> Resulting:
        """The position with its margin moved; the notional stays."""
        held = self.position
        collateral = held.collateral_usd + self.amount_usd
        return Resulting(held.side, held.entry_price, collateral, held.notional_usd, held.accrued_fees_usd)

    @property
    def leverage(self) -> Decimal | None:
        """None where no collateral would be left."""
        left = self.after.collateral_usd
        return self.after.notional_usd / left if left > ZERO else None

    def worst_loss_usd(self, position: Resulting) -> Decimal:
        return exposure.held_loss_usd(
            self,
            position,
            stop_price=self.stop_price,
            liquidation_price=position.liquidation_price,
            slippage_rate=self.slippage_rate,
        )

    @property
    def raised_loss_usd(self) -> Decimal:
        """By how much the move raises what the position can lose: nothing where its stop comes first."""
        before = replace(self, amount_usd=ZERO).after
        return self.worst_loss_usd(self.after) - self.worst_loss_usd(before)


Rule = Callable[[MarginCase], CheckResult | None]  # None: the rule does not apply


def evaluate_addition(case: MarginCase) -> RiskDecision:
    """Decide on adding margin: no missing price and no rate limit denies it, nor winding down. Never raises."""
    return _evaluate(case, ADDITION)


def evaluate_withdrawal(case: MarginCase) -> RiskDecision:
    """Decide on withdrawing margin: only while everything may be traded, at a price that is trusted. Never raises."""
    return _evaluate(case, WITHDRAWAL)


def _evaluate(case: MarginCase, rules: tuple[Rule, ...]) -> RiskDecision:
    """Denied with every reason; `max_collateral_usd` is the largest amount that no rule would refuse, where any is."""
    with localcontext(ARITHMETIC):
        checks = _ask(case, rules)
        denials = tuple(
            Denial(check.code, check.measured, check.limit, detail=check.detail) for check in checks if not check.passed
        )
        return RiskDecision(denials, checks, _largest_passing(case, rules) if denials else None)


def _ask(case: MarginCase, rules: tuple[Rule, ...]) -> tuple[CheckResult, ...]:
    sound = _is_an_amount(case)
    if not sound.passed:
        return (sound,)
    if wrong := inputs.unusable_name(case, case.position):
        return (CheckResult("invalid_snapshot", False, detail=wrong),)
    if case.leverage is None:
        return (CheckResult("all_of_the_margin", False, -case.amount_usd, case.position.collateral_usd),)
    return tuple(answer for rule in rules if (answer := rule(case)) is not None)


def _largest_passing(case: MarginCase, rules: tuple[Rule, ...]) -> Decimal | None:
    amount = abs(case.amount_usd)
    if not _is_an_amount(case).passed:
        return None

    def passes(value: Decimal) -> bool:
        other = replace(case, amount_usd=value if case.amount_usd > ZERO else -value)
        return all(answer.passed for answer in _ask(other, rules))

    return largest(passes, least=COLLATERAL_TICK, below=amount, tick=COLLATERAL_TICK) or None


def _is_an_amount(case: MarginCase) -> CheckResult:
    amount = abs(case.amount_usd)
    is_one = amount.is_finite() and ZERO < amount < Decimal(10) ** 12 and amount % COLLATERAL_TICK == ZERO
    return CheckResult("invalid_collateral", is_one)


def _not_halted(case: MarginCase) -> CheckResult:
    is_halted = case.trading_state is TradingState.HALTED
    return CheckResult("trading_state", not is_halted, detail=case.trading_state.value)


def _nothing_under_way(case: MarginCase) -> CheckResult:
    return CheckResult("order_under_way", not case.is_changing)


def _allowance(case: MarginCase) -> CheckResult | None:
    """What the wallet lets the venue take covers the addition, and what is under way."""
    live = case.account.live
    if live is None or live.allowance_usd is None:
        return None
    return at_most("allowance", case.amount_usd + case.account.reserved_usd, live.allowance_usd)


def _balance(case: MarginCase) -> CheckResult:
    return at_most("margin", case.amount_usd, case.account.available_usd)


def _least_leverage(case: MarginCase) -> CheckResult:
    leverage = case.leverage or ZERO
    return at_least("leverage", leverage, max(ONE, case.market.min_leverage), "minimum")


def _most_leverage(case: MarginCase) -> CheckResult:
    most = min(case.limits.max_leverage, case.market.max_leverage)
    return at_most("leverage", case.leverage or ZERO, most)


def _raised_daily_loss(case: MarginCase) -> CheckResult | None:
    """Asked only where more can be lost: with a stop that comes first, nothing is."""
    return _daily_loss(case) if case.raised_loss_usd > ZERO else None


def _daily_loss(case: MarginCase) -> CheckResult:
    loss = day.at_risk_usd(case.account) + case.raised_loss_usd
    return at_most("daily_loss", loss, day.limit_usd(case.account, case.limits))


def _price_uncertainty(case: MarginCase) -> CheckResult | None:
    if not isinstance(case.mark, MarkPrice):
        return None
    allowed = case.limits.price_max_uncertainty_share * case.after.liquidation_distance
    return at_most("price_uncertain", case.mark.uncertainty, allowed)


def _stop_first(case: MarginCase) -> CheckResult | None:
    if case.stop_price is None:
        return None
    liquidation = case.after.liquidation_price
    passed = case.position.side.sign * (case.stop_price - liquidation) > ZERO
    return CheckResult("stop_beyond_liquidation", passed, case.stop_price, liquidation)


def _buffer(case: MarginCase) -> CheckResult | None:
    """From the mark, as bad as it may be, or from the stop, whichever is nearer to liquidation."""
    if not isinstance(case.mark, MarkPrice):
        return None
    after, sign = case.after, case.position.side.sign
    worst = case.mark.price * (ONE - sign * case.mark.uncertainty)
    is_stop = case.stop_price is not None and sign * (worst - case.stop_price) > ZERO
    nearest = case.stop_price if is_stop and case.stop_price is not None else worst
    distance = sign * (nearest - after.liquidation_price) / after.entry_price
    required = case.limits.liquidation_buffer_pct * after.liquidation_distance
    return CheckResult(
        "liquidation_buffer",
        distance > ZERO and distance >= required,
        distance,
        required,
        "stop" if is_stop else "mark",
    )


def _account_risk(case: MarginCase) -> CheckResult:
    budget = case.limits.max_account_risk_pct * case.account.equity_usd
    return at_most("account_risk", case.worst_loss_usd(case.after), budget)


ADDITION: tuple[Rule, ...] = (
    _not_halted,
    venue.market_hours,
    _nothing_under_way,
    _least_leverage,
    _balance,
    _allowance,
    _raised_daily_loss,
)
WITHDRAWAL: tuple[Rule, ...] = (
    *(venue.state_allows_openings, venue.market_hours, _nothing_under_way, venue.previous_order_is_resolved),
    *(live.delegate, live.books_agree, live.chain_agrees),
    *(price.price_is_there, price.price_age, _price_uncertainty, _most_leverage),
    *(_account_risk, _daily_loss, day.daily_loss_lock, _buffer, _stop_first),
)
