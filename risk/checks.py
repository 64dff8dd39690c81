"""The pre-trade checks: every rule is asked, every denial returned, with what would pass. Pure: it decides, others act.

The order of RULES is the order of checks and denials, for messages and tests alike.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal, localcontext

from feeds.consensus import MarkPrice, NoConsensus
from risk.rules import day, exposure, inputs, live, price, protections, stops, venue, waiting
from risk.rules.case import Case, Rule
from risk.rules.rates import RATE_RULES
from risk.usage import Usage
from risk.values import (
    COLLATERAL_TICK,
    LEVERAGE_TICK,
    AccountSnapshot,
    CheckResult,
    Day,
    Denial,
    Exposure,
    Limits,
    LiveTerms,
    MarketRules,
    OpeningRequest,
    OpenPosition,
    RiskDecision,
    TradingState,
)
from vanta.money import ONE, ZERO

__all__ = [
    "CODES",
    "AccountSnapshot",
    "Case",
    "CheckResult",
    "Day",
    "Denial",
    "Exposure",
    "Limits",
    "LiveTerms",
    "MarketRules",
    "OpenPosition",
    "OpeningRequest",
    "RiskDecision",
    "TradingState",
    "decide",
    "evaluate",
    "evaluate_reduction",
    "with_usage",
]

# Wide enough that no sum or quotient of sane inputs rounds across a tick, whatever context the caller's thread has.
ARITHMETIC = Context(prec=60)

INPUT_RULES: tuple[tuple[str, Rule], ...] = (
    ("invalid_collateral", inputs.collateral_is_an_amount),
    ("invalid_leverage", inputs.leverage_is_a_number),
    ("invalid_stop", inputs.stop_is_a_price),
    ("invalid_take_profit", inputs.take_profit_is_a_price),
    ("invalid_limit", inputs.limit_is_a_price),
    ("invalid_slippage", inputs.slippage_is_a_fraction),
    ("invalid_snapshot", inputs.snapshot_is_usable),
)
STATE_RULES: tuple[tuple[str, Rule], ...] = (
    ("trading_state", venue.state_allows_openings),
    ("market_not_listed", venue.market_is_listed),
    ("market_close_only", venue.market_takes_openings),
    ("market_closed", venue.market_hours),
    ("no_limit_orders", waiting.market_takes_limits),
    ("previous_order_unresolved", venue.previous_order_is_resolved),
    ("live_switched_off", live.switched_on),
    ("no_delegate", live.delegate),
    ("delegate_expires_soon", live.delegate_lasts),
    ("live_not_confirmed", live.confirmed),
    ("books_disputed", live.books_agree),
    ("chain_disagrees", live.chain_agrees),
    ("venue_refuses", live.venue_takes_orders),
    ("price_unavailable", price.price_is_there),
)
NUMBER_RULES: tuple[tuple[str, Rule], ...] = (  # asked only where every input is a usable number
    ("too_many_positions", venue.positions_in_market),
    ("price_stale", price.price_age),
    ("price_uncertain", price.price_uncertainty),
    ("limit_wrong_side", waiting.limit_side),
    ("leverage", exposure.leverage),
    ("min_notional", venue.min_notional),
    ("position_size", exposure.position_size),
    ("canary", live.canary),
    ("headroom", venue.headroom),
    ("margin", exposure.free_margin),
    ("allowance", live.allowance),
    ("account_risk", exposure.account_risk),
    ("daily_loss", day.daily_loss),
    ("daily_loss_locked", day.daily_loss_lock),
    ("cooldown", protections.cooldown),
    ("drawdown_lock", protections.drawdown_lock),
    ("market_lock", protections.market_lock),
    ("spread_too_wide", venue.spread_width),
    ("spread_loss", venue.spread_loss),
    ("liquidation_buffer", price.liquidation_buffer),
    ("stop_wrong_side", venue.stop_side),
    ("stop_beyond_liquidation", price.stop_before_liquidation),
    ("stop_too_far", venue.stop_reach),
    ("stop_too_close", venue.stop_room),
    ("take_profit_wrong_side", venue.take_profit_side),
    ("take_profit_too_far", venue.take_profit_reach),
)
RULES = INPUT_RULES + STATE_RULES + NUMBER_RULES + RATE_RULES
CODES = tuple(code for code, _ in RULES)

# Which denials a smaller collateral, or a lower leverage, can cure; the rules are monotone in it.
CURED_BY_SIZE = frozenset(
    {
        "position_size",
        "canary",
        "headroom",
        "margin",
        "allowance",
        "account_risk",
        "daily_loss",
        "hourly_volume",
        "daily_volume",
    }
)
CURED_BY_LEVERAGE = CURED_BY_SIZE | {
    "price_uncertain",
    "leverage",
    "spread_loss",
    "liquidation_buffer",
    "stop_beyond_liquidation",
    "stop_too_far",
    "take_profit_too_far",
}

# What a position may lose under a rule: a stop within it is what would pass.
BUDGETS: dict[str, Callable[[Case], Decimal]] = {
    "account_risk": exposure.risk_budget_usd,
    "daily_loss": day.budget_usd,
}


def evaluate(
    *,
    order: OpeningRequest,
    account: AccountSnapshot,
    market: MarketRules,
    mark: MarkPrice | NoConsensus,
    limits: Limits,
    trading_state: TradingState,
    now_ms: int,
    usage: Usage | None = None,
) -> RiskDecision:
    """Decide an opening. Never raises, whatever the numbers are: what cannot be compared is denied.

    `account` must be read under the trader's lock and hold what pending openings reserve. `mark` is that of the
    market's price symbol. Without `usage` the rate limits are not asked. A denial costs more than an approval: what
    would pass is searched for.
    """
    return decide(
        Case(
            order=order,
            account=account,
            market=market,
            mark=mark,
            limits=limits,
            trading_state=trading_state,
            now_ms=now_ms,
            usage=usage,
        )
    )


def decide(case: Case) -> RiskDecision:
    """The same, of inputs that are kept together."""
    with localcontext(ARITHMETIC):
        asked = _ask(case)
        denials = tuple(_denial(case, rule, result) for rule, result in asked if not result.passed)
        return RiskDecision(
            denials=denials,
            checks=tuple(result for _, result in asked),
            max_collateral_usd=_whole_order_cure(
                denials, lambda denial: denial.max_collateral_usd, case.with_collateral
            ),
            max_leverage=_whole_order_cure(denials, lambda denial: denial.max_leverage, case.with_leverage),
        )


def with_usage(decision: RiskDecision, case: Case, usage: Usage) -> RiskDecision:
    """The `decision` on `case`, which was made without usage, with the rate limits' answers in it."""
    complete = replace(case, usage=usage)
    with localcontext(ARITHMETIC):
        results = tuple(result for _, result in _ask_all(RATE_RULES, complete)) if decision.approved else ()
    if results and all(result.passed for result in results):
        return replace(decision, checks=decision.checks + results)
    return decide(complete)


def evaluate_reduction(*, market: MarketRules, trading_state: TradingState) -> RiskDecision:
    """Decide a close (full or partial), a tighter stop or added margin: no limit and no missing price denies it.

    Only HALTED and a closed market do. Cancels are not asked about: they always go through.
    """
    state = CheckResult("trading_state", trading_state is not TradingState.HALTED, detail=trading_state.value)
    checks = (state, venue.market_is_open(market))
    denials = tuple(Denial(check.code, detail=check.detail) for check in checks if not check.passed)
    return RiskDecision(denials=denials, checks=checks)


def _ask(case: Case) -> list[tuple[Rule, CheckResult]]:
    unsound = _ask_all(INPUT_RULES, case)
    asked = unsound + _ask_all(STATE_RULES, case)
    return asked if unsound else asked + _ask_all(NUMBER_RULES + RATE_RULES, case)


def _ask_all(rules: tuple[tuple[str, Rule], ...], case: Case) -> list[tuple[Rule, CheckResult]]:
    answers = ((rule, rule(case)) for _, rule in rules)
    return [(rule, result) for rule, result in answers if result is not None]


def _denial(case: Case, rule: Rule, result: CheckResult) -> Denial:
    denial = Denial(result.code, result.measured, result.limit, detail=result.detail)
    order = case.order
    if result.code in CURED_BY_SIZE:
        size = largest(
            lambda value: _passes(rule, case.with_collateral(value)),
            least=COLLATERAL_TICK,
            below=order.collateral_usd,
            tick=COLLATERAL_TICK,
        )
        denial = replace(denial, max_collateral_usd=size)
    least = max(ONE, case.market.min_leverage) if result.code in CURED_BY_LEVERAGE else order.leverage
    if result.code in CURED_BY_LEVERAGE and order.leverage >= least:
        leverage = largest(
            lambda value: _passes(rule, case.with_leverage(value)),
            least=least,
            below=order.leverage,
            tick=LEVERAGE_TICK,
        )
        denial = replace(denial, max_leverage=leverage)
    if result.code in BUDGETS:
        denial = replace(denial, stop_price=stops.passing_stop(case, rule, BUDGETS[result.code](case)))
    if result.code in protections.ENDS:
        ends_ms = protections.ENDS[result.code](case.account, case.limits.protections, case.now_ms)
        wait_s = None if ends_ms is None else Decimal(ends_ms - case.now_ms) / 1000
        denial = replace(denial, retry_after_s=wait_s)
    standing = case.usage.standings.get(result.code) if case.usage else None
    if standing is not None:
        wait_ms = standing.retry_after_ms
        denial = replace(denial, used=standing.used, retry_after_s=None if wait_ms is None else Decimal(wait_ms) / 1000)
    return denial


def _passes(rule: Rule, case: Case) -> bool:
    result = rule(case)
    return result is None or result.passed


def largest(passes: Callable[[Decimal], bool], *, least: Decimal, below: Decimal, tick: Decimal) -> Decimal:
    """The largest whole tick from `least` up that passes, where `below` does not; 0 where none does."""
    low = int((least / tick).to_integral_value(ROUND_CEILING))
    high = int(below / tick)
    if low >= high or not passes(low * tick):
        return ZERO
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle * tick) else (low, middle)
    return low * tick


def _whole_order_cure(
    denials: tuple[Denial, ...], cure: Callable[[Denial], Decimal | None], changed: Callable[[Decimal], Case]
) -> Decimal | None:
    cures = [cure(denial) for denial in denials]
    largest = min((value for value in cures if value is not None), default=ZERO)
    if None in cures or largest <= ZERO:
        return None
    return largest if all(result.passed for _, result in _ask(changed(largest))) else None
