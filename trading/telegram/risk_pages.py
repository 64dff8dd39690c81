"""What people read of their limits: how much of each is used, and that a day's losses have reached theirs. HTML."""

from collections.abc import Mapping
from decimal import Decimal
from html import escape
from typing import Any

from trading.risk_usage import RiskUsage
from trading.telegram.cards import Payload, text
from vanta.money import ZERO, format_number, format_percent, format_usd

REOPENS = "Opening works again from 00:00 UTC; closing works now."


def risk(usage: RiskUsage) -> Payload:
    """The limits of one account with what is used of them."""
    lines = [
        f"🛡 <b>Risk</b> · {usage.mode} · policy {escape(usage.policy)}",
        "",
        f"Equity  <b>{format_usd(usage.equity_usd)}</b> USDC  ({format_usd(usage.opening_usd)} at 00:00 UTC)",
        f"Lost today  {_of(usage.day_loss_usd, usage.day_limit_usd)}",
        f"Could be lost today  {_of(usage.at_risk_usd, usage.day_limit_usd)}, with everything at its stop",
    ]
    if usage.is_locked:
        lines.append(f"🔒 Today's limit was reached. {REOPENS}")
    else:
        left = max(usage.day_limit_usd - usage.at_risk_usd, ZERO)
        lines.append(f"Left for new orders today  <b>{format_usd(left)}</b> USDC of worst loss")
    lines += [
        f"One position  may lose {format_usd(usage.position_limit_usd)} USDC at its stop",
        f"Leverage  up to {format_number(usage.max_leverage.normalize())}x",
        "",
        f"<b>Exposure by market</b>  (limit {format_usd(usage.size_limit_usd)} USDC)",
        *(f"{escape(symbol.removesuffix('/USD'))}  {_of(size, usage.size_limit_usd)}" for symbol, size in usage.sizes),
    ]
    return text("\n".join(lines if usage.sizes else [*lines, "none"]))


def _of(used: Decimal, limit: Decimal) -> str:
    share = f"  ({format_percent(used / limit, 0)})" if limit > ZERO else ""
    return f"{format_usd(used)} of {format_usd(limit)} USDC{share}"


def day_locked(told: Mapping[str, Any]) -> Payload:
    """The news that a day's loss has reached the limit, for the trader or for an admin."""
    who = f"{escape(str(told['trader']))}'s" if told.get("to_admin") else "Your"
    loss, limit, opening = (Decimal(told[name]) for name in ("loss_usd", "limit_usd", "opening_usd"))
    return text(
        f"🔒 <b>Daily loss limit reached</b> · {escape(str(told['mode']))}\n\n"
        f"{who} loss today is <b>{format_usd(loss)}</b> USDC; the limit is {format_usd(limit)} USDC, "
        f"of {format_usd(opening)} USDC at 00:00 UTC.\n{REOPENS}"
    )
