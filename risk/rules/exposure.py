"""Size, leverage, margin and loss: the limits that a smaller order passes. Pure."""

from decimal import Decimal

from feeds.consensus import MarkPrice
from risk import increases, margin
from risk.rules.case import Case, Resulting, Surroundings, at_most, resulting
from risk.rules.venue import adverse_move
from risk.values import CheckResult, MarketRules, OpenPosition
from vanta.money import ZERO


def leverage(case: Case) -> CheckResult:
    """Within the pair's envelope and the policy's cap; the detail is the Upside market where only the pair is short.

    Of an increase both count: what is ordered, and what the whole position then has.
    """
    order, market = case.order, case.market
    if order.leverage < market.min_leverage:
        return CheckResult("leverage", False, order.leverage, market.min_leverage, "minimum")
    measured = max(order.leverage, _resulting_leverage(case))
    result = at_most("leverage", measured, min(case.limits.max_leverage, market.max_leverage))
    beyond_pair_only = market.max_leverage < measured <= case.limits.max_leverage
    return CheckResult(
        result.code, result.passed, result.measured, result.limit, market.upside_symbol if beyond_pair_only else ""
    )


def _resulting_leverage(case: Case) -> Decimal:
    order, held = case.order, case.order.increases
    if held is None:
        return order.leverage
    return (held.notional_usd + order.notional_usd) / (held.collateral_usd + order.collateral_usd)


def position_size(case: Case) -> CheckResult:
    """Notional of all that the trader has in this market and waits for, with this order."""
    notional = case.account.exposure.notional_usd + case.order.notional_usd
    return at_most("position_size", notional, case.limits.max_position_size_usd)


def free_margin(case: Case) -> CheckResult:
    """Collateral and open fee; the fee on top, as it is unknown whether the venue takes it out of the collateral."""
    return at_most("margin", case.order.collateral_usd + open_fee_usd(case), case.account.available_usd)


def account_risk(case: Case) -> CheckResult | None:
    """Worst loss of the resulting position. With a stop it needs a price; a stop on the wrong side counts as none."""
    loss = worst_loss_usd(case)
    return None if loss is None else at_most("account_risk", loss, risk_budget_usd(case))


def risk_budget_usd(case: Case) -> Decimal:
    return case.limits.max_account_risk_pct * case.account.equity_usd


def open_fee_usd(case: Case) -> Decimal:
    rate = ZERO if case.market.is_upside else case.market.open_fee_rate
    return margin.open_fee(notional_usd=case.order.notional_usd, rate=rate)


def close_fee_rate(market: MarketRules) -> Decimal:
    """Upside markets have no fees."""
    return ZERO if market.is_upside else market.close_fee_rate


def held_loss_usd(
    around: Surroundings,
    position: OpenPosition | Resulting,
    *,
    stop_price: Decimal | None,
    liquidation_price: Decimal,
    slippage_rate: Decimal,
) -> Decimal:
    """W of a position that is open; a stop that liquidation comes before never fires."""
    is_first = stop_price is not None and position.side.sign * (stop_price - liquidation_price) > ZERO
    return margin.worst_loss(
        side=position.side,
        entry_price=position.entry_price,
        collateral_usd=position.collateral_usd,
        notional_usd=position.notional_usd,
        stop_price=stop_price if is_first else None,
        spread_rate=around.market.spread_rate,
        slippage_rate=slippage_rate,
        close_fee_rate=close_fee_rate(around.market),
        accrued_fees_usd=position.accrued_fees_usd,
    )


def worst_loss_usd(case: Case) -> Decimal | None:
    """W of the resulting position at its worst fill (spread and slippage); None where that needs a price."""
    order = case.order
    if order.stop_price is None:
        return order.collateral_usd + (order.increases.collateral_usd if order.increases else ZERO)
    if not isinstance(case.entry, MarkPrice):
        return None
    position = resulting(order, case.entry, case.market.spread_rate + order.slippage_rate)
    return margin.worst_loss(
        side=order.side,
        entry_price=position.entry_price,
        collateral_usd=position.collateral_usd,
        notional_usd=position.notional_usd,
        stop_price=order.stop_price if adverse_move(order.side, case.entry, order.stop_price) > ZERO else None,
        spread_rate=case.market.spread_rate,
        slippage_rate=order.slippage_rate,
        open_fee_usd=open_fee_usd(case),
        close_fee_rate=close_fee_rate(case.market),
        accrued_fees_usd=position.accrued_fees_usd,
    )


def added_loss_usd(case: Case) -> Decimal | None:
    """What the order adds to the worst loss of all that is open: of an increase less than its whole position's W."""
    order, held = case.order, case.order.increases
    if held is None:
        return worst_loss_usd(case)
    if order.stop_price is None:
        return order.collateral_usd
    if not isinstance(case.entry, MarkPrice):
        return None
    exit_rate = case.market.spread_rate + order.slippage_rate
    return increases.added_loss(
        held,
        fill_price=margin.fill_price_with_spread(side=order.side, price=case.entry.price, spread_rate=exit_rate),
        collateral_usd=order.collateral_usd,
        notional_usd=order.notional_usd,
        stop_price=order.stop_price if adverse_move(order.side, case.entry, order.stop_price) > ZERO else None,
        exit_rate=exit_rate,
        open_fee_usd=open_fee_usd(case),
        close_fee_rate=close_fee_rate(case.market),
    )


def stop_within(case: Case, mark: MarkPrice, loss_usd: Decimal) -> Decimal:
    """The furthest stop, exact, at which no more than this is lost."""
    order, market = case.order, case.market
    position = resulting(order, mark, market.spread_rate + order.slippage_rate)
    return margin.stop_price_at_loss(
        side=order.side,
        entry_price=position.entry_price,
        notional_usd=position.notional_usd,
        loss_usd=loss_usd,
        spread_rate=market.spread_rate,
        slippage_rate=order.slippage_rate,
        open_fee_usd=open_fee_usd(case),
        close_fee_rate=close_fee_rate(market),
        accrued_fees_usd=position.accrued_fees_usd,
    )
