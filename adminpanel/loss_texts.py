"""What admins read of lost prices: what happened, what it means, where to look. HTML; values in, text out."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from html import escape

from feeds.models import ConsensusLoss
from trading.telegram import price_words, time_words
from trading.telegram.feed_pages import names_of

SHOWN_REASONS = 4


def lost(losses: Sequence[ConsensusLoss], now: dt.datetime) -> str:
    """Markets that have no price now."""
    counts = Counter(loss.reason for loss in losses).most_common(SHOWN_REASONS)
    only = len(losses) == 1
    reasons = "; ".join(
        escape(price_words.why_no_price(reason)) + ("" if only else f" ({count})") for reason, count in counts
    )
    return (
        f"🔴 <b>{_markets(losses, 'has', 'have')} no price that can be trusted</b>, for {_longest(losses, now)}\n"
        f"{_names(losses)}\n"
        f"Why: {reasons}\n"
        f"Openings there are denied; closings work."
    )


def regained(losses: Sequence[ConsensusLoss], now: dt.datetime) -> str:
    """Markets whose loss was told, and that have a price again."""
    return (
        f"🟢 <b>{_markets(losses, 'has', 'have')} a price again</b>, after {_longest(losses, now)}\n"
        f"{_names(losses)}\n"
        f"Openings there are accepted again."
    )


def closed(losses: Sequence[ConsensusLoss]) -> str:
    """Markets whose loss was told, and that have closed or are listed no more: nothing is missing there now."""
    return f"⏸ <b>{_markets(losses, 'has', 'have')} closed</b> without a price\n{_names(losses)}"


def passed(losses: Sequence[ConsensusLoss], now: dt.datetime) -> str:
    """Markets that had no price for a while, and nobody was told while they had none."""
    return (
        f"🟠 <b>{_markets(losses, 'had', 'had')} no price that can be trusted</b>, for {_longest(losses, now)}\n"
        f"{_names(losses)}\n"
        f"It is over: openings were denied meanwhile."
    )


def where_to_look(address: str) -> str:
    """The last line."""
    return f"Look: /feeds or {escape(address)}"


def _markets(losses: Sequence[ConsensusLoss], one: str, many: str) -> str:
    return f"1 market {one}" if len(losses) == 1 else f"{len(losses)} markets {many}"


def _names(losses: Sequence[ConsensusLoss]) -> str:
    return names_of(sorted(loss.price_symbol for loss in losses))


def _longest(losses: Sequence[ConsensusLoss], now: dt.datetime) -> str:
    longest = _for(max(loss.duration(now) for loss in losses))
    return longest if len(losses) == 1 else f"{longest} at the longest"


def _for(lasted: dt.timedelta) -> str:
    return time_words.age(round(lasted.total_seconds() * 1000))
