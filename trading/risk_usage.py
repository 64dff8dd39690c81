"""How much of their limits a trader uses, in one execution mode; read for people, decided on by nobody."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from risk.limits import Binding
from risk.rules import day
from trading import risk_inputs
from trading.limits import binding_of
from trading.models import Trader
from trading.models.orders import OPENINGS


@dataclass(frozen=True, slots=True)
class RiskUsage:
    """Amounts in USDC. `sizes` are the notionals by market, largest first, of positions and pending openings.

    `names` are those of the trader's tier and policy.
    """

    mode: str
    binding: Binding
    names: Sequence[str]
    equity_usd: Decimal
    opening_usd: Decimal
    day_loss_usd: Decimal
    at_risk_usd: Decimal
    day_limit_usd: Decimal
    is_locked: bool
    position_limit_usd: Decimal
    size_limit_usd: Decimal
    sizes: Sequence[tuple[str, Decimal]]


def risk_usage(trader: Trader, mode: str) -> RiskUsage:
    """The trader's limits and their use now, at the prices of now."""
    held = risk_inputs.holdings(trader, mode)
    account, binding = risk_inputs.account_snapshot(held), binding_of(trader)
    limits = binding.limits
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    for position in held.positions:
        sizes[position.market.symbol] += position.notional_usd
    for order in held.pending:
        if order.kind not in OPENINGS:
            continue
        sizes[order.market.symbol] += order.collateral_usd * order.leverage
    return RiskUsage(
        mode=mode,
        binding=binding,
        names=[policy.name for policy in (trader.tier, trader.policy) if policy],
        equity_usd=account.equity_usd,
        opening_usd=day.opening_equity_usd(account),
        day_loss_usd=day.day_loss_usd(account),
        at_risk_usd=day.at_risk_usd(account),
        day_limit_usd=day.limit_usd(account, limits),
        is_locked=day.is_locked(account, limits),
        position_limit_usd=limits.max_account_risk_pct * account.equity_usd,
        size_limit_usd=limits.max_position_size_usd,
        sizes=sorted(sizes.items(), key=lambda each: -each[1]),
    )
