"""The page about the feeds, for admins: sources, the stream, who has no price, what was lost. HTML of the Bot API."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from html import escape

from feeds.losses import LossSummary
from feeds.selectors import FeedStatus
from feeds.source_status import SourceStatus
from feeds.stream_status import StreamStatus
from trading.telegram import messages, price_words, time_words
from trading.telegram.cards import Payload, text
from vanta import clock

LOOKED_BACK = dt.timedelta(hours=24)
SHOWN_NAMES = 6
LONGEST_NAME = 40
_STATES = {"ok": "🟢 all is well", "degraded": "🟠 something is missing", "failed": "🔴 nothing can be opened"}
_DOTS = {"ok": "🟢", "never heard": "⚪", "silent": "🔴", "open": "🔴"}
_CIRCUITS = {"open": "circuit open", "probing": "circuit probing"}


def feeds(status: FeedStatus, losses: LossSummary) -> Payload:
    """How prices come in, and what is missing."""
    now_ms = clock.now_ms()
    oldest = status.oldest_mark_age_ms
    age = f", the oldest {time_words.age(oldest)} old" if oldest is not None else ""
    lines = [
        f"📡 <b>Feeds</b>  {_STATES[status.state]}",
        f"{status.priced_markets} of {status.open_markets} open markets have a price{age}",
    ]
    if not status.is_readable:
        lines += ["", "🔴 Redis does not answer: sources and stream cannot be read."]
    for source in status.sources:
        lines += ["", *_source(source, now_ms)]
    if status.is_readable:
        lines += ["", *_stream(status.stream, now_ms)]
    return text("\n".join([*lines, *_without_price(status), "", *_losses(losses)]))


def _source(source: SourceStatus, now_ms: int) -> list[str]:
    condition = source.condition(now_ms)
    pause_ms = source.paused_until_ms - now_ms
    told = [
        _CIRCUITS.get(condition, condition),
        *([f"{source.failures} failures in a row"] if source.failures else []),
        *([f"asked again in {time_words.age(pause_ms)}"] if pause_ms > 0 else []),
    ]
    facts = [
        f"success {_ago(source.last_ok_ms, now_ms)}",
        f"newest quote {_old(source.newest_quote_ms, now_ms)}",
        *([f"{source.latency_ms} ms"] if source.latency_ms is not None else []),
        f"{source.quotes} of {source.asked} quotes",
    ]
    lines = [f"{_DOTS.get(condition, '🟠')} <b>{escape(source.name)}</b>  {' · '.join(told)}", " · ".join(facts)]
    return [*lines, *_last_error(source.last_error, source.last_error_ms, now_ms)]


def _stream(stream: StreamStatus | None, now_ms: int) -> list[str]:
    if stream is None:
        return ["🔴 <b>Stream</b>  no streamer leads"]
    flows = stream.is_flowing(now_ms)
    state = escape(stream.state) + (f" for {time_words.age(now_ms - stream.since_ms)}" if stream.since_ms else "")
    facts = [
        state,
        f"price {_ago(stream.last_price_ms or None, now_ms)}",
        f"{stream.markets} markets",
        *([f"{stream.failures} failures in a row"] if stream.failures else []),
    ]
    lines = [
        f"{'🟢' if flows else '🔴'} <b>Stream</b>  {' · '.join(facts)}",
        f"leader {messages.quoted(stream.leader)}",
    ]
    return [*lines, *_last_error(stream.last_error, None, now_ms)]


def _last_error(error: str, at_ms: int | None, now_ms: int) -> list[str]:
    when = f", {_ago(at_ms, now_ms)}" if at_ms is not None else ""
    return [f"last error {messages.quoted(error)}{when}"] if error else []


def _without_price(status: FeedStatus) -> list[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for none in status.without_price:
        by_reason[none.reason].append(none.market)
    lines = [f"• {price_words.why_no_price(reason)}: {names_of(names)}" for reason, names in by_reason.items()]
    return ["", "<b>Without a price</b>", *lines] if lines and status.is_readable else []


def _losses(losses: LossSummary) -> list[str]:
    if not losses.count:
        return ["No market lost its price in the last 24 h."]
    longest = time_words.age(round(losses.longest.total_seconds() * 1000))
    lines = [f"Prices lost in the last 24 h: <b>{losses.count}</b>, the longest for {longest}"]
    if losses.open:
        lines.append(f"Still lost: {names_of([loss.price_symbol for loss in losses.open])}")
    return lines


def names_of(symbols: Sequence[str]) -> str:
    """The first few of them, escaped, and how many more there are."""
    shown = ", ".join(escape(symbol[:LONGEST_NAME]) for symbol in symbols[:SHOWN_NAMES])
    more = len(symbols) - SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _ago(at_ms: int | None, now_ms: int) -> str:
    return "never" if at_ms is None else f"{time_words.age(now_ms - at_ms)} ago"


def _old(at_ms: int | None, now_ms: int) -> str:
    return "none yet" if at_ms is None else f"{price_words.age(now_ms - at_ms)} old"
