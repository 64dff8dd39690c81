"""What a UTC day may cost an account: lost already, still at risk, and with this order. Pure."""

from decimal import Decimal

from risk.rules.case import Case, Surroundings, at_most
from risk.rules.exposure import added_loss_usd
from risk.values import AccountSnapshot, CheckResult, Limits
from vanta.money import ZERO


def day_loss_usd(account: AccountSnapshot) -> Decimal:
    """How far the equity has fallen since 00:00 UTC; what was deposited since is no gain, a gain is no loss."""
    return max(_fallen_by(account), ZERO)


def limit_usd(account: AccountSnapshot, limits: Limits) -> Decimal:
    return limits.max_daily_loss_pct * opening_equity_usd(account)


def at_risk_usd(account: AccountSnapshot) -> Decimal:
    """The day's loss if every open position and every pending opening ended at its worst.

    Unrealised gains do not pay for losses: a position that has won can still end at its stop. Those that the day began
    with are in its opening equity, so that losing them is a loss of the day.
    """
    lost = max(_fallen_by(account) + account.day.gains_usd, ZERO)
    return lost + account.day.positions_usd + account.day.pending_usd


def left_usd(account: AccountSnapshot, limits: Limits) -> Decimal:
    """What may be put at risk today besides what is; below zero where that is more than the limit already."""
    return limit_usd(account, limits) - at_risk_usd(account)


def budget_usd(case: Case) -> Decimal:
    """What an order may still lose today."""
    return left_usd(case.account, case.limits)


def daily_loss(case: Case) -> CheckResult | None:
    """The day's loss with everything at its worst, this order too. With a stop it needs a price.

    What the position that is increased can lose is in what is at risk already: what the order adds to it counts here.
    """
    loss = added_loss_usd(case)
    if loss is None:
        return None
    return at_most("daily_loss", at_risk_usd(case.account) + loss, limit_usd(case.account, case.limits))


def daily_loss_lock(case: Surroundings) -> CheckResult:
    """Reaching the limit ends the day's openings, also where the equity recovers later; closing goes on."""
    loss, limit = day_loss_usd(case.account), limit_usd(case.account, case.limits)
    return CheckResult("daily_loss_locked", not is_locked(case.account, case.limits), loss, limit)


def is_locked(account: AccountSnapshot, limits: Limits) -> bool:
    """Whether the day's loss has reached the limit, now or earlier today."""
    loss = day_loss_usd(account)
    return account.day.is_locked or (loss > ZERO and loss >= limit_usd(account, limits))


def opening_equity_usd(account: AccountSnapshot) -> Decimal:
    """E at 00:00 UTC."""
    opening = account.day.opening_equity_usd
    return account.equity_usd if opening is None else opening


def _fallen_by(account: AccountSnapshot) -> Decimal:
    return opening_equity_usd(account) + account.day.net_deposits_usd - account.equity_usd
