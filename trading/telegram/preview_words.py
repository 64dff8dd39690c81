"""Lines of a preview: what an opening costs, how near liquidation is, what it takes of a day. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import Decimal

from trading.models import Order
from trading.telegram import time_words
from vanta.money import format_number, format_percent, format_usd

MS_PER_S = 1000
MOST_SECONDS = Decimal(10**9)  # thirty years: nobody reads more digits


def fees(order: Order, notional: Decimal) -> str:
    """To open and to close, or the share that an Upside market keeps."""
    if order.market.is_upside:
        return f"Fees  none; the venue keeps a share of the profit{_shares(order.market.upside_tier_fees_pct)}"
    opening = notional * order.market.open_fee_rate
    closing = notional * order.market.close_fee_rate
    return f"Fees  {format_usd(opening)} open, {format_usd(closing)} close"


def _shares(tier_fees_pct: Sequence[str]) -> str:
    """`, 80 % (small gains) to 2.5 % (huge ones)`; empty where the venue did not tell."""
    if not tier_fees_pct:
        return ""
    first, last = (format_number(Decimal(tier_fees_pct[place]).normalize()) for place in (0, -1))
    return f", {first} % (small gains) to {last} % (huge ones)"


def typical_time(distance: Decimal, sigma_per_sqrt_s: Decimal) -> str:
    """The time in which the price typically moves this far: σ·√t reaches the distance. `≈ 12 min`."""
    seconds = min((distance / sigma_per_sqrt_s) ** 2, MOST_SECONDS)
    return f"≈ {time_words.age(int(seconds * MS_PER_S))}"


def share_of_the_day(order: Order) -> list[str]:
    """How much of what may be lost in a day this order could use, and how much would be used with all else."""
    checks = [check for check in order.decision.get("checks", ()) if check["code"] == "daily_loss"]
    if not checks or Decimal(checks[0]["limit"]) <= 0:
        return []
    measured, limit = Decimal(checks[0]["measured"]), Decimal(checks[0]["limit"])
    share = f"<b>{format_percent(order.worst_loss_usd / limit, 1)}</b> of {format_usd(limit)} USDC"
    return [f"Today's loss budget  {share}; used with all else {format_percent(measured / limit, 1)}"]
