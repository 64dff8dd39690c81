"""What an opening with real money needs besides; no rule here applies where `AccountSnapshot.live` is None. Pure."""

from decimal import Decimal

from risk.rules.case import Case, Surroundings, at_least, at_most
from risk.rules.exposure import open_fee_usd
from risk.rules.inputs import is_sane
from risk.values import CheckResult

LEAST_DELEGATE_HOURS = Decimal(24)


def switched_on(case: Surroundings) -> CheckResult | None:
    """System and trader are LIVE, now: they may have been switched since the preview."""
    live = case.account.live
    return None if live is None else CheckResult("live_switched_off", live.is_switched_on)


def delegate(case: Surroundings) -> CheckResult | None:
    """The trader has a delegate that the venue knows."""
    live = case.account.live
    return None if live is None else CheckResult("no_delegate", live.delegate_hours_left is not None)


def delegate_lasts(case: Surroundings) -> CheckResult | None:
    """The delegate is there long enough to close again what it opens."""
    live = case.account.live
    if live is None or live.delegate_hours_left is None or not is_sane(live.delegate_hours_left):
        return None
    return at_least("delegate_expires_soon", live.delegate_hours_left, LEAST_DELEGATE_HOURS)


def confirmed(case: Surroundings) -> CheckResult | None:
    """The trader has said a second time that it is real money."""
    live = case.account.live
    return None if live is None else CheckResult("live_not_confirmed", live.is_confirmed)


def books_agree(case: Surroundings) -> CheckResult | None:
    """The venue's books are ours."""
    live = case.account.live
    return None if live is None else CheckResult("books_disputed", not live.is_disputed)


def chain_agrees(case: Surroundings) -> CheckResult | None:
    """The chain says what the venue says."""
    live = case.account.live
    return None if live is None else CheckResult("chain_disagrees", not live.is_chain_disputed)


def allowance(case: Case) -> CheckResult | None:
    """What the wallet lets the venue take covers the order with its fee, and what is under way."""
    live = case.account.live
    if live is None or live.allowance_usd is None:
        return None
    needed = case.order.collateral_usd + open_fee_usd(case) + case.account.reserved_usd
    return at_most("allowance", needed, live.allowance_usd)


def venue_takes_orders(case: Surroundings) -> CheckResult | None:
    """The venue takes orders of the kind that is sent at all."""
    live = case.account.live
    return None if live is None else CheckResult("venue_refuses", not live.is_refused)


def canary(case: Case) -> CheckResult | None:
    """Notional of one LIVE order, while it is capped."""
    live = case.account.live
    if live is None or live.max_notional_usd is None:
        return None
    return at_most("canary", case.order.notional_usd, live.max_notional_usd)
