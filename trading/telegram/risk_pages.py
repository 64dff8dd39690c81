"""What people read of their limits: how much of each is used, and that a day's losses have reached theirs. HTML."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from risk.contradictions import contradictions
from risk.limits import Source, Value, value_of
from risk.values import Limits
from trading.risk_usage import RiskUsage
from trading.services.limits import Tightened
from trading.telegram import limit_words
from trading.telegram.cards import Payload, text
from vanta.money import ZERO, format_percent, format_usd

REOPENS = "Opening works again from 00:00 UTC; closing works now."


def risk(usage: RiskUsage) -> Payload:
    """The limits of one account with what is used of them."""
    lines = [
        f"🛡 <b>Risk</b> · {usage.mode} · {escape(_under(usage))}",
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
        "",
        f"<b>Exposure by market</b>  (limit {format_usd(usage.size_limit_usd)} USDC)",
        *(f"{escape(symbol.removesuffix('/USD'))}  {_of(size, usage.size_limit_usd)}" for symbol, size in usage.sizes),
    ]
    lines += [
        *([] if usage.sizes else ["none"]),
        "",
        "<b>Limits</b>, and where from",
        *(f"{title}  <b>{value}</b>{_from(source)}" for title, value, source in limit_words.rows(usage.binding)),
        "",
        "Tighten one: <code>/risk set leverage 20</code>. Only a super admin loosens.",
    ]
    return text("\n".join(lines))


def _under(usage: RiskUsage) -> str:
    return f"policy {' + '.join(usage.names)}" if usage.names else "policy global"


def _from(source: str) -> str:
    return "" if source == Source.GLOBAL else f"  · {source}"


def tightened(done: Tightened) -> Payload:
    """What a trader's own setting changed, and what does not go together since."""
    lines = ["🛡 <b>Tightened</b>, from your next order on", ""]
    lines += [f"{title}  {old} → <b>{new}</b>" for title, old, new in limit_words.changed(done.before, done.after)]
    known = set(contradictions(done.before))
    lines += [f"⚠️ {each.sentence}" for each in contradictions(done.after) if each not in known]
    return text("\n".join([*lines, "", "Only a super admin can loosen it again."]))


def refused_to_loosen(names: Sequence[str], values: Mapping[str, Value], limits: Limits) -> Payload:
    """A trader's own setting that would give more room than they have."""
    lines = ["⛔ Only a super admin can loosen a limit; ask them. Nothing was changed.", ""]
    for name in names:
        now, wanted = (limit_words.shown(name, value) for value in (value_of(limits, name), values[name]))
        lines.append(f"{limit_words.title(name)} is <b>{now}</b>; {wanted} would be looser.")
    return text("\n".join(lines))


def tight_already(names: Sequence[str], limits: Limits) -> Payload:
    """A trader's own setting that is what binds already."""
    lines = [
        f"{limit_words.title(name)} is <b>{limit_words.shown(name, value_of(limits, name))}</b>." for name in names
    ]
    return text("\n".join(["🛡 It binds like that already; nothing was changed.", "", *lines]))


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


def closing_stuck(told: Mapping[str, Any]) -> Payload:
    """For admins: a paper position that missed prices have ended, and whose closing comes to nothing each time."""
    return text(
        f"⚠️ <b>Position #{told['position']} cannot be closed</b> · {escape(str(told['market']))}\n\n"
        "A price that nobody watched has ended it, and five closings came to nothing, the last one with "
        f"<code>{escape(str(told['reason']))}</code>. Vanta goes on trying, at most every ten minutes. "
        "/why with its order's number says more."
    )
