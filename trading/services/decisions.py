"""Deciding on orders: the risk checks asked with what the books say, and their answer kept with the order."""

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import Q

from feeds.consensus import Exclusion, MarkPrice, NoConsensus
from feeds.models import Market
from risk import canary_cap, checks, execution_mode, trading_state
from risk.checks import Case, CheckResult, Denial, Limits, LiveTerms, OpeningRequest, RiskDecision
from risk.execution_mode import ExecutionMode
from risk.limits import NAMES, value_of
from risk.margin import Side
from risk.usage import Usage
from risk.values import OpenPosition
from trading import increases, risk_inputs, valuation
from trading.allowance import allowance_left
from trading.keys.active import active_delegate
from trading.models import Attempt, Delegate, Order, Receipt
from trading.models.orders import CHANGES, K
from trading.models.traders import Mode
from trading.order_state import PENDING
from trading.risk_inputs import Desk
from vanta import clock

SECONDS_AN_HOUR = 3600
REFUSALS = 3
REFUSED_FOR = dt.timedelta(hours=1)


def opening_request(order: Order, increases: OpenPosition | None = None) -> OpeningRequest:
    """The order as the checks take it, with the position that it increases."""
    return OpeningRequest(
        market=order.market.symbol,
        side=Side(order.side),
        collateral_usd=order.collateral_usd,
        leverage=order.leverage,
        stop_price=order.stop_loss,
        take_profit_price=order.take_profit,
        slippage_rate=settings.MAX_SLIPPAGE_PCT,
        increases=increases,
        limit_price=order.limit_price,
        waits_below=order.waits_below,
    )


@dataclass(frozen=True, slots=True)
class Weighed:
    """An opening after all checks but the rate limits: they are asked last, about many orders at once."""

    order: Order
    case: Case
    decision: RiskDecision
    obstacle: str = ""  # that no check knows of

    @property
    def mark(self) -> MarkPrice | NoConsensus:
        return self.case.mark

    @property
    def would_open(self) -> bool:
        """Whether nothing but a rate limit can refuse it now."""
        return self.decision.approved and not self.obstacle

    @property
    def worst_loss_usd(self) -> Decimal:
        """What is to be reserved against the trader's risk; as it was where there is no price."""
        if isinstance(self.mark, NoConsensus):
            return self.order.worst_loss_usd
        return valuation.opening_worst_loss(self.order, self.mark.price, self.case.order.increases)

    def decided(self, usage: Usage) -> RiskDecision:
        """The decision with the rate limits in it."""
        return checks.with_usage(self.decision, self.case, usage)


def weigh_opening(order: Order, desk: Desk, state: trading_state.TradingState, *, is_draft: bool = False) -> Weighed:
    """The checks on an opening, now. To bind, `desk` must have been read under the lock on the trader's row.

    `is_draft`: nobody was asked yet whether it is meant.
    """
    held = desk.holdings(order)
    increased = increases.adds_to(order, held.positions, held.pending)
    if increased is not None:
        increases.take_levels(order, held.positions)
    account = risk_inputs.account_snapshot(held, order.market)
    if order.mode == Mode.LIVE:
        account = replace(account, live=live_terms(order, is_draft=is_draft))
    case = Case(
        order=opening_request(order, increased),
        account=account,
        market=risk_inputs.market_rules(order.market, Side(order.side), clock.now(), order.leverage),
        mark=held.marks[order.market.symbol],
        limits=desk.limits(order),
        trading_state=state,
        now_ms=clock.now_ms(),
    )
    return Weighed(order, case, checks.decide(case), _obstacle(order, desk))


def _obstacle(order: Order, desk: Desk) -> str:
    if order.trader.blocked_by:
        return order.trader.blocked_by
    if desk.is_gone(order):
        return "position_closed"
    return "order_under_way" if order.kind == K.INCREASE and _is_loosening(order) else ""


def _is_loosening(order: Order) -> bool:
    """Whether more is about to be at risk of the position than the increase is weighed with."""
    loosening = Q(kind=K.TAKE_MARGIN) | Q(kind=K.STOPS, loosens=True)
    return Order.objects.filter(loosening, position=order.position_id, state__in=PENDING).exists()


def live_terms(order: Order, *, is_draft: bool) -> LiveTerms:
    """What the order's real money depends on, now."""
    delegate = active_delegate(order.trader_id)
    hours = None
    if delegate is not None and delegate.expires_at is not None and delegate.disabled_since is None:
        hours = Decimal(int((delegate.expires_at - clock.now()).total_seconds())) / SECONDS_AN_HOUR
    return LiveTerms(
        is_switched_on=execution_mode.current() == ExecutionMode.LIVE and order.trader.execution_mode == Mode.LIVE,
        is_confirmed=is_draft or order.live_confirmed_at is not None,
        is_disputed=order.trader.disputed_since is not None,
        is_refused=venue_refuses(),
        is_chain_disputed=_is_chain_disputed(order.trader_id, delegate),
        allowance_usd=allowance_left(delegate) if delegate else None,
        delegate_hours_left=hours,
        max_notional_usd=canary_cap.current(),
    )


def _is_chain_disputed(trader_id: int, delegate: Delegate | None) -> bool:
    """Whether the chain says otherwise than the venue of a fill of this trader, or of the wallet."""
    if delegate is not None and delegate.funds_disputed_since is not None:
        return True
    return Receipt.contradicted().filter(fill__order__trader=trader_id).exists()


def venue_refuses() -> bool:
    """Whether the last LIVE submissions were all refused as malformed, and lately: the venue wants them otherwise now.

    Sending more would only use up orders; closings go on, and the first that is taken ends it.
    """
    sent = Attempt.objects.filter(intent__order__mode=Mode.LIVE).exclude(intent__order__kind__in=CHANGES)
    answered = sent.filter(finished_at__isnull=False).order_by("-pk")
    last = list(answered.values_list("http_status", "finished_at")[:REFUSALS])
    since = clock.now() - REFUSED_FOR
    return len(last) == REFUSALS and all(
        status == HTTPStatus.BAD_REQUEST and at is not None and at > since for status, at in last
    )


def decide_reduction(market: Market, side: Side) -> RiskDecision:
    """Whether a close may go out: only a halt and a closed market deny it."""
    return checks.evaluate_reduction(
        market=risk_inputs.market_rules(market, side, clock.now()), trading_state=trading_state.current()
    )


def as_json(
    decision: RiskDecision, mark: MarkPrice | NoConsensus | None = None, limits: Limits | None = None
) -> dict[str, Any]:
    """The decision as it is stored with the order: every check with its numbers, and the limits, as strings."""
    kept: dict[str, Any] = {
        "checks": [_plain(check) for check in decision.checks],
        "denials": [_plain(denial) for denial in decision.denials],
    }
    if decision.max_collateral_usd is not None:
        kept["max_collateral_usd"] = str(decision.max_collateral_usd)
    if decision.max_leverage is not None:
        kept["max_leverage"] = str(decision.max_leverage)
    if limits is not None:
        kept["limits"] = {name: str(value) for name in NAMES if (value := value_of(limits, name)) is not None}
    if isinstance(mark, MarkPrice):
        kept["price"] = {
            "mark": str(mark.price),
            "as_of_ms": mark.as_of_ms,
            "uncertainty": str(mark.uncertainty),
            "sources": list(mark.sources),
            "excluded": [_plain(exclusion) for exclusion in mark.excluded],
        }
    return kept


def _plain(result: CheckResult | Denial | Exclusion) -> dict[str, Any]:
    """A frozen value's fields that say something, numbers as strings."""
    values = ((name, getattr(result, name)) for name in result.__slots__)
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in values if value not in (None, "")
    }
