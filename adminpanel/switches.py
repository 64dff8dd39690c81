"""What the Controls page switches, each in one transaction with its audit entry and what the admins have to be told.

Whether somebody may is the forms' to check.
"""

from decimal import Decimal

from django.db import transaction

from risk import canary_cap, check_in, execution_mode
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from trading import outbox
from trading.services import stopping
from trading.telegram import stopping_words
from trading.telegram.admins import admin_ids
from vanta.money import format_usd

LIVE = "🟢 <b>LIVE.</b> Who is LIVE too opens with real money from now on."
DRY = "🟡 <b>DRY.</b> Nothing more opens with real money; open LIVE positions stay LIVE."
ACKNOWLEDGED = "🟠 <b>Looser limits acknowledged.</b> They hold once trading is resumed."


def resume(state: TradingState, *, actor: str, reason: str, seen: int) -> None:
    """Let more through than before; the alert of the stop tells the admins. Raises ChangedMeanwhile, LimitsLoosened."""
    stopping.change_state(state, actor=actor, reason=reason, seen=seen)


@transaction.atomic
def go_live(*, actor: str, reason: str) -> None:
    """Let openings of those who want it leave with real money."""
    execution_mode.change(ExecutionMode.LIVE, actor=actor, reason=reason)
    _tell(LIVE, actor, reason)


@transaction.atomic
def go_dry(*, actor: str, reason: str) -> None:
    """Stop openings with real money; what is open stays where it is."""
    execution_mode.change(ExecutionMode.DRY, actor=actor, reason=reason)
    _tell(DRY, actor, reason)


@transaction.atomic
def cap_live_orders(max_notional_usd: Decimal | None, *, actor: str, reason: str) -> None:
    """Set what one LIVE order may be at most; None lifts the cap."""
    canary_cap.change(max_notional_usd, actor=actor, reason=reason)
    _tell(f"🟠 <b>LIVE orders: {cap_words(max_notional_usd)}.</b>", actor, reason)


@transaction.atomic
def acknowledge_limits(number: int, *, actor: str, reason: str) -> None:
    """Let looser limits of the environment hold. Raises NothingToAcknowledge."""
    check_in.acknowledge(number, actor=actor, reason=reason)
    _tell(ACKNOWLEDGED, actor, reason)


def cap_words(max_notional_usd: Decimal | None) -> str:
    """The cap, as people read it."""
    return "no cap" if max_notional_usd is None else f"at most {format_usd(max_notional_usd)} USDC"


def _tell(what: str, actor: str, reason: str) -> None:
    payload = stopping_words.switched(what, actor=actor, reason=reason)
    with outbox.together():
        for chat_id in admin_ids():
            outbox.owe(chat_id, "sendMessage", payload)
