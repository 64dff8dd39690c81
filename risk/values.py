"""What the checks take and what they return: frozen values, no behaviour beyond what follows from one of them. Pure.

Amounts in USDC, prices in USD per unit of base, rates, shares and `_pct` fractions (0.05 = 5 %).
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from risk import margin
from risk.margin import Side
from vanta.money import ZERO

COLLATERAL_TICK = Decimal("0.000001")  # USDC's own
LEVERAGE_TICK = Decimal("0.01")
PRICE_TICK = Decimal("0.0000000001")  # the venue's, on the wire


class TradingState(StrEnum):
    """What may be submitted: everything, only what reduces risk, nothing but cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """A position as the risk checks see it; `entry_price` is its fill, fees what rollover and funding have accrued."""

    side: Side
    entry_price: Decimal
    collateral_usd: Decimal
    notional_usd: Decimal
    accrued_fees_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """An order that adds exposure, as the trader wants it.

    `slippage_rate` is what fills may lose beyond the spread, at the opening and at the stop; it counts in the worst
    loss. `increases` is the position of the same market and side that this order adds to; the stop and the take-profit
    are then those of the resulting position. Without it the order makes a position of its own. A `limit_price` is
    waited for, `waits_below` the mark or above it; the position is measured as it would be there.
    """

    market: str
    side: Side
    collateral_usd: Decimal
    leverage: Decimal
    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    slippage_rate: Decimal = ZERO
    increases: OpenPosition | None = None
    limit_price: Decimal | None = None
    waits_below: bool = True

    @property
    def notional_usd(self) -> Decimal:
        return self.collateral_usd * self.leverage


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What the venue allows in one market, now.

    Leverage is the pair's envelope, the Upside one where `is_upside`. `headroom_usd` is the notional that the venue's
    open interest still takes on the order's side. A gain or stop rate is a fraction of the collateral. None: no rule.
    """

    symbol: str
    min_leverage: Decimal
    max_leverage: Decimal
    min_notional_usd: Decimal
    spread_rate: Decimal
    open_fee_rate: Decimal
    close_fee_rate: Decimal
    is_upside: bool = False
    is_listed: bool = True
    is_close_only: bool = False
    is_open: bool = True
    opens_at: dt.datetime | None = None
    upside_symbol: str = ""
    headroom_usd: Decimal | None = None
    max_positions: int | None = None
    max_gain_rate: Decimal | None = None
    max_stop_loss_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one trader already has in the order's market, in the order's execution mode, on both sides."""

    positions_notional_usd: Decimal = ZERO
    pending_notional_usd: Decimal = ZERO
    position_count: int = 0
    has_unresolved_order: bool = False

    @property
    def notional_usd(self) -> Decimal:
        return self.positions_notional_usd + self.pending_notional_usd


@dataclass(frozen=True, slots=True)
class Day:
    """The UTC day of one account: what it began with, and what may still be lost before any new order.

    `opening_equity_usd` is E at 00:00 (None: what there is now); `net_deposits_usd` came in since. `gains_usd` is what
    open positions have won, whenever, and their stops do not keep: it is in the equity and can vanish. `positions_usd`
    is the worst loss of the open positions less what the equity has lost to them already, `pending_usd` the worst loss
    of pending openings.
    """

    opening_equity_usd: Decimal | None = None
    net_deposits_usd: Decimal = ZERO
    gains_usd: Decimal = ZERO
    positions_usd: Decimal = ZERO
    pending_usd: Decimal = ZERO
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class EquityThen:
    """E of an account at a time, as if what was paid in or out since had been so before."""

    at_ms: int
    equity_usd: Decimal


@dataclass(frozen=True, slots=True)
class Losses:
    """What one account has lost lately, as far as the protections that are on look back; else nothing.

    Stop-outs are positions that their stop or liquidation ended with a loss: when the last one was in any market, and
    when those in the order's market were, oldest first. `openings` are the equities at 00:00 UTC that are known.
    """

    last_stop_out_ms: int | None = None
    stop_outs_here_ms: tuple[int, ...] = ()
    openings: tuple[EquityThen, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """What an opening with real money depends on besides its account.

    `is_chain_disputed`: the chain says otherwise than the venue of a fill or of the wallet. `is_refused`: the venue has
    lately taken none of the system's orders. `allowance_usd` is what the venue may still take from the wallet, None
    where nobody has read it. `delegate_hours_left` is None where the trader has no active delegate; `max_notional_usd`
    caps one order, None where the cap was lifted.
    """

    is_switched_on: bool
    is_confirmed: bool
    is_disputed: bool
    is_refused: bool
    is_chain_disputed: bool
    allowance_usd: Decimal | None
    delegate_hours_left: Decimal | None
    max_notional_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """One trader's account in one execution mode, read in the transaction that decides.

    `free_usd` still holds what pending openings will take; `reserved_usd` is that part (collateral and open fees).
    `unrealised_pnl_usd` is net, over all open positions. `exposure` is that in the order's market. `live` is set for
    an order with real money.
    """

    free_usd: Decimal
    reserved_usd: Decimal = ZERO
    collateral_usd: Decimal = ZERO
    unrealised_pnl_usd: Decimal = ZERO
    exposure: Exposure = Exposure()
    day: Day = Day()
    losses: Losses = Losses()
    live: LiveTerms | None = None

    @property
    def equity_usd(self) -> Decimal:
        """E of the design: what the account would be worth if every position were closed now."""
        return margin.equity(
            free_usd=self.free_usd, collateral_usd=self.collateral_usd, net_pnl_usd=self.unrealised_pnl_usd
        )

    @property
    def available_usd(self) -> Decimal:
        return margin.free_collateral(free_usd=self.free_usd, reserved_usd=self.reserved_usd)


@dataclass(frozen=True, slots=True)
class Protections:
    """Locks that stop a trader's openings for a while after losses; None where one is off, as all are by default.

    `cooldown_minutes` follow a stop-out or a liquidation in any market. The drawdown lock holds while equity is more
    than `drawdown_pct` (a fraction) below its highest in the last `drawdown_days`. The market lock holds in a market
    with `market_stops` stop-outs and liquidations in the last `market_stops_hours`. The last two go in pairs.
    """

    cooldown_minutes: int | None = None
    drawdown_pct: Decimal | None = None
    drawdown_days: int | None = None
    market_stops: int | None = None
    market_stops_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that bind one trader, global or from their policy."""

    max_position_size_usd: Decimal
    max_account_risk_pct: Decimal
    max_leverage: Decimal
    liquidation_buffer_pct: Decimal
    max_daily_loss_pct: Decimal
    price_max_age_s: Decimal
    price_max_uncertainty_share: Decimal
    opens_per_minute: int
    trades_per_day: int
    hourly_volume_usd: Decimal
    daily_volume_usd: Decimal
    protections: Protections = Protections()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome, with the numbers behind it; None where a check has no number.

    `detail` is the one thing that a number cannot say: a state, a reason, a time (ISO 8601), another market's symbol.
    """

    code: str
    passed: bool
    measured: Decimal | None = None
    limit: Decimal | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an order is refused, and what would not be.

    `max_collateral_usd` and `max_leverage` are the largest that pass this check while all else stays: 0 means that none
    does, None that the check does not depend on it. `stop_price` and `take_profit_price` are some with which this check
    passes. A rate limit says what was `used` before this order. It and a protection say when the order would pass if
    nothing else were opened or lost; None: never.
    """

    code: str
    measured: Decimal | None = None
    limit: Decimal | None = None
    max_collateral_usd: Decimal | None = None
    max_leverage: Decimal | None = None
    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    used: Decimal | None = None
    retry_after_s: Decimal | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """Every check that applied, in a stable order, and every denial.

    `max_collateral_usd` and `max_leverage` are set on a denied order where changing that one alone makes the whole
    order pass: the largest value that does.
    """

    denials: tuple[Denial, ...]
    checks: tuple[CheckResult, ...]
    max_collateral_usd: Decimal | None = None
    max_leverage: Decimal | None = None

    @property
    def approved(self) -> bool:
        return not self.denials

    @property
    def codes(self) -> tuple[str, ...]:
        """The denials' codes, in order."""
        return tuple(denial.code for denial in self.denials)
