"""What the rules look at: an order or a change with its surroundings, and the position that comes of it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from feeds.consensus import MarkPrice, NoConsensus
from risk import increases, margin
from risk.margin import Side
from risk.usage import Usage
from risk.values import AccountSnapshot, CheckResult, Limits, MarketRules, OpeningRequest, TradingState
from vanta.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is the same for an opening and for a change of what is open; rules that need no more take this."""

    account: AccountSnapshot
    market: MarketRules
    mark: MarkPrice | NoConsensus
    limits: Limits
    trading_state: TradingState
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Surroundings):
    """Everything a rule may look at."""

    order: OpeningRequest
    usage: Usage | None = None

    @property
    def entry(self) -> MarkPrice | NoConsensus:
        """The price that the position is measured at: the mark, or where a limit order waits for it."""
        limit = self.order.limit_price
        if limit is None or isinstance(self.mark, NoConsensus):
            return self.mark
        return replace(self.mark, price=limit)

    def with_collateral(self, collateral_usd: Decimal) -> "Case":
        return replace(self, order=replace(self.order, collateral_usd=collateral_usd))

    def with_leverage(self, leverage: Decimal) -> "Case":
        return replace(self, order=replace(self.order, leverage=leverage))

    def with_stop(self, stop_price: Decimal) -> "Case":
        return replace(self, order=replace(self.order, stop_price=stop_price))


Rule = Callable[[Case], CheckResult | None]  # None: the rule does not apply


@dataclass(frozen=True, slots=True)
class Resulting:
    """The position that an opening leaves behind: the order alone, or with the position that it increases."""

    side: Side
    entry_price: Decimal
    collateral_usd: Decimal
    notional_usd: Decimal
    accrued_fees_usd: Decimal

    @property
    def leverage(self) -> Decimal:
        return self.notional_usd / self.collateral_usd

    @property
    def liquidation_price(self) -> Decimal:
        """In USD, by this position's own collateral and accrued fees."""
        return margin.liquidation_price(
            side=self.side,
            entry_price=self.entry_price,
            collateral_usd=self.collateral_usd,
            notional_usd=self.notional_usd,
            fees_usd=self.accrued_fees_usd,
        )

    @property
    def liquidation_distance(self) -> Decimal:
        return margin.liquidation_distance(
            collateral_usd=self.collateral_usd, notional_usd=self.notional_usd, fees_usd=self.accrued_fees_usd
        )


def resulting(order: OpeningRequest, mark: MarkPrice, worse_by: Decimal) -> Resulting:
    """The position after `order` fills `worse_by` (a fraction) on the worse side of the mark."""
    fill = margin.fill_price_with_spread(side=order.side, price=mark.price, spread_rate=worse_by)
    held = order.increases
    if held is None:
        return Resulting(order.side, fill, order.collateral_usd, order.notional_usd, ZERO)
    grown = increases.increased(
        held, fill_price=fill, collateral_usd=order.collateral_usd, notional_usd=order.notional_usd
    )
    return Resulting(order.side, grown.entry_price, grown.collateral_usd, grown.notional_usd, grown.accrued_fees_usd)


def at_most(code: str, measured: Decimal, limit: Decimal, detail: str = "") -> CheckResult:
    return CheckResult(code, measured <= limit, measured, limit, detail)


def at_least(code: str, measured: Decimal, limit: Decimal, detail: str = "") -> CheckResult:
    return CheckResult(code, measured >= limit, measured, limit, detail)
