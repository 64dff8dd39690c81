"""Pages about markets: what can be traded on which terms, and what a price rests on. HTML of the Bot API."""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from feeds.consensus import MarkPrice
from feeds.models import GROUPS_WITH_HOURS, Market
from feeds.price_views import PriceView, SourceView
from trading.telegram import messages, price_words, time_words
from trading.telegram.cards import Payload, text
from vanta import clock
from vanta.money import format_number, format_percent, format_price

PAGE_OF_MARKETS = 20  # with the longest names a page stays below Telegram's 4096 characters
MAX_WANTED = 12  # its UTF-8 must fit a button's 64 bytes
BUTTONS_A_ROW = 3
LONGEST_LABEL = 24
GROUP_MARK = "#"  # what a group's button asks for: #2 is the group with index 2, whatever its name is
_SOURCE_DOTS = {"vouches": "🟢", "may_veto": "🔵", "vetoes": "⛔", "left_out": "⚪"}
Buttons = list[tuple[str, str]]


def markets(listed: Sequence[Market], wanted: str, page: int = 0) -> Payload:
    """One page of the markets whose symbol or group has `wanted` in it; buttons lead to other pages and groups."""
    wanted = wanted[:MAX_WANTED]
    chosen = [market for market in listed if _is_wanted(market, wanted)]
    if not chosen:
        return text(f"🤔 No market matches {messages.quoted(wanted)}. /markets lists them all.", *_groups(listed, ""))
    pages = -(-len(chosen) // PAGE_OF_MARKETS)
    page = min(max(page, 0), pages - 1)
    shown = chosen[page * PAGE_OF_MARKETS : (page + 1) * PAGE_OF_MARKETS]
    lines = [f"📈 <b>Markets</b>  {len(chosen)}" + (f" · page {page + 1} of {pages}" if pages > 1 else "")]
    group, now = None, clock.now()
    for market in shown:
        if market.group_index != group:
            group = market.group_index
            lines += ["", f"<b>{escape(_group_name(market))}</b>"]
        lines.append(_market_line(market, now))
    lines += ["", *_legend(shown, now), "<code>/price ETH</code> shows a price, <code>/markets forex</code> a group."]
    turns = [("◀️ Back", page - 1), ("More ▶️", page + 1)]
    row = [(label, f"markets:{number}:{wanted}") for label, number in turns if 0 <= number < pages]
    return text("\n".join(lines), *([row] if row else []), *_groups(listed, wanted))


def _is_wanted(market: Market, wanted: str) -> bool:
    number = wanted.removeprefix(GROUP_MARK)
    if number != wanted and number.isdecimal():
        return market.group_index == int(number)
    return wanted.upper() in f"{market.symbol} {market.group_name}".upper()


def _group_name(market: Market) -> str:
    return market.group_name.strip() or f"Group {market.group_index}"


def _groups(listed: Iterable[Market], wanted: str) -> list[Buttons]:
    """A button for each group and one for all, but for what is shown; none where there is one group only."""
    groups = {f"{GROUP_MARK}{market.group_index}": _group_name(market)[:LONGEST_LABEL] for market in listed}
    if len(groups) < 2:
        return []
    offered = {"": "All", **groups}
    buttons = [(label, f"markets:0:{asked}") for asked, label in offered.items() if asked != wanted]
    return [buttons[start : start + BUTTONS_A_ROW] for start in range(0, len(buttons), BUTTONS_A_ROW)]


def _market_line(market: Market, now: dt.datetime) -> str:
    name = market.symbol.removesuffix("/USD")
    leverage = format_number(market.max_leverage.normalize())
    parts = [f"<code>{escape(name):<12}</code> up to {leverage}x", *_hours(market, now), *_funding(market)]
    return " · ".join(parts)


def _hours(market: Market, now: dt.datetime) -> list[str]:
    """Whether it takes orders, and when that changes; nothing for a market that never closes."""
    if market.is_close_only:
        return ["closing only"]
    if market.group_index not in GROUPS_WITH_HOURS:
        return []
    is_open = market.is_open_at(now)
    turn = market.next_close_at if is_open else market.next_open_at
    known = turn is not None and turn > now
    if is_open:
        return [f"closes {_moment(turn)}" if known else "open"]
    return [f"⏸ closed, opens {_moment(turn)}" if known else "⏸ closed"]


def _moment(at: dt.datetime | None) -> str:
    return f"{at.astimezone(dt.UTC):%a %d %b %H:%M}" if at else ""


def _funding(market: Market) -> list[str]:
    sides = (("long", market.funding_rate_per_hour_long), ("short", market.funding_rate_per_hour_short))
    told = [f"{side} {price_words.rate(rate)}" for side, rate in sides if rate]
    return [f"funding {', '.join(told)}"] if told else []


def _legend(shown: Sequence[Market], now: dt.datetime) -> list[str]:
    lines = []
    if any(_funding(market) for market in shown):
        lines.append("<i>Funding: of the notional, per hour; + you pay, − you are paid.</i>")
    if any(":" in part for market in shown for part in _hours(market, now)):
        lines.append("<i>Times are UTC.</i>")
    return lines


def price(market: Market, view: PriceView) -> Payload:
    """The price with what it rests on; without consensus why, and the last known one with its age."""
    whose = f"  (price of {escape(market.price_symbol)})" if market.is_upside else ""
    lines = [f"💹 <b>{escape(market.symbol)}</b>{whose}"]
    is_open = market.is_open_at(clock.from_ms(view.at_ms))
    if not is_open:
        lines.append(f"⏸ {messages.closed(market.next_open_at)}")
    if isinstance(view.mark, MarkPrice):
        lines += [
            f"<b>{format_price(view.mark.price)}</b>  ± {format_percent(view.mark.uncertainty, 3)}",
            f"{time_words.age(view.at_ms - view.mark.as_of_ms)} old",
        ]
    else:
        lines += _without_mark(view, view.mark.reason, is_open)
    if view.sources:
        lines += ["", *(_source_line(source) for source in view.sources), f"<i>{_measured_from(view)}</i>"]
    return text("\n".join([*lines, *(_stream(view) if is_open else [])]))


def _without_mark(view: PriceView, reason: str, is_open: bool) -> list[str]:
    why = price_words.why_no_price(reason) if view.is_readable else "the sources cannot be read"
    lines = [f"⏸ <b>No price can be trusted</b> right now: {why}."] if is_open else []
    if view.last is None:
        return [*lines, "There is no last known price either."]
    known = f"Last known <b>{format_price(view.last.price)}</b>, {time_words.age(view.at_ms - view.last.as_of_ms)} old"
    return [*lines, f"{known}: it may close, never open." if is_open else f"{known}."]


def _source_line(source: SourceView) -> str:
    facts = [price_words.price_of(source), price_words.age(source.age_ms), price_words.distance(source.distance)]
    told = " · ".join(fact for fact in [*facts, price_words.part_of(source)] if fact)
    return f"{_SOURCE_DOTS[source.role]} <b>{escape(source.source)}</b> {told}"


def _measured_from(view: PriceView) -> str:
    if view.reference is None:
        return "price · age"
    if isinstance(view.mark, MarkPrice):
        return "price · age · distance from the mark"
    is_last = view.last is not None and view.reference == view.last.price
    return f"price · age · distance from {'the last known price' if is_last else 'the fresh price'}"


def _stream(view: PriceView) -> list[str]:
    """Nothing while the stream flows."""
    if not view.is_readable or (view.stream and view.stream.is_flowing(view.at_ms)):
        return []
    how = f"{view.stream.state}: {view.stream.last_error or 'no price yet'}" if view.stream else "nobody reads it"
    return ["", f"⚠️ The live stream is down ({escape(how)}). Prices are asked for each second instead."]
