"""What admins read when they stop trading, and traders of maintenance. HTML."""

from collections.abc import Mapping
from html import escape
from typing import Any

from django.conf import settings

from risk.models import TradingStateChange
from risk.trading_state import TradingState
from trading.models import Order
from trading.services.stopping import Uncaught
from trading.telegram.cards import Payload, text
from vanta.money import format_number, format_usd

_STOPPED = {
    TradingState.REDUCING: "🟠 <b>Winding down.</b> Nothing opens; closing, canceling and tightening go on.",
    TradingState.HALTED: "🔴 <b>Halted.</b> Nothing is sent but cancels, not even closings.",
}
CONTROLS_PATH = "/admin/controls/"


def where_to_resume() -> str:
    """Who starts things again, and where."""
    return f"A super admin resumes trading in the admin site, under Controls: {controls_address()}"


def controls_address() -> str:
    """The page of the admin site that starts and stops."""
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}{CONTROLS_PATH}"


def halted_already() -> str:
    """The answer to a stop that would stop less than what holds."""
    return f"🔴 Trading is halted already, and stays so: that stops more than this would. {where_to_resume()}"


def switched(what: str, *, actor: str, reason: str) -> Payload:
    """What the admins are told of whatever was switched in the admin site."""
    return text(f"{what}\nBy {escape(actor)}: {escape(reason)}\n\n{escape(controls_address())}")


def stopped(change: TradingStateChange, uncaught: Uncaught) -> Payload:
    """The answer to whoever stopped trading: what holds now, what is taken back, and what could not be stopped."""
    head = "🛠 <b>Maintenance.</b> The traders are told; " if change.is_maintenance else ""
    state = _STOPPED[TradingState(change.state)]
    lines = [f"{head}{_lower(state)}" if head else state, f"By {escape(change.actor)}: {escape(change.reason)}", ""]
    lines += _taken_back(uncaught)
    lines += _under_way(uncaught)
    lines.append(f"Open positions: {uncaught.positions}. They keep their stops at the venue.")
    return text("\n".join([*lines, "", escape(where_to_resume())]))


def maintenance(told: Mapping[str, Any]) -> Payload:
    """What traders with something open, or who traded lately, are told at its start and end."""
    if told["is_over"]:
        return text("🛠 <b>Maintenance is over.</b> You can open positions again.")
    return text(
        "🛠 <b>Maintenance has begun.</b> You can close, cancel and tighten stops; nothing can be opened, and orders "
        f"that wait for a price are taken back. You are told when it is over.\n\n{escape(told['reason'])}"
    )


def _lower(state: str) -> str:
    """As the second half of a sentence."""
    plain = state.partition("</b> ")[2]
    return plain[:1].lower() + plain[1:]


def _taken_back(uncaught: Uncaught) -> list[str]:
    if not uncaught.unsent and not uncaught.resting:
        return ["No opening was waiting or resting."]
    return [f"Being taken back: {uncaught.unsent} not yet sent, {uncaught.resting} resting at the venue."]


def _under_way(uncaught: Uncaught) -> list[str]:
    """Those that may still be executed, as far as they can be shown."""
    if not uncaught.under_way:
        return ["No opening was on its way: nothing slipped through."]
    lines = [f"⚠️ On their way before this, and may still be executed: {uncaught.under_way}"]
    lines += [f"• {_named(order)}" for order in uncaught.shown]
    more = uncaught.under_way - len(uncaught.shown)
    return [*lines, *([f"… and {more} more"] if more else [])]


def _named(order: Order) -> str:
    who = escape(order.trader.username or order.trader.first_name)
    size = f"{format_usd(order.collateral_usd)} at {format_number(order.leverage.normalize())}x"
    return f"#{order.pk} {order.mode} {order.side} {escape(order.market.symbol)} {size}, {who}"
