"""A chart as it is sent: the market's candles, its mark and the trader's levels of now, drawn, with a caption."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from feeds import selectors as feeds
from feeds.candles import recent_candles
from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Candle, Market
from trading.models import Position
from trading.selectors import open_positions_in
from trading.telegram import cards, messages, price_words, time_words
from trading.telegram.chart_commands import FEWEST_CANDLES
from trading.telegram.chart_request import ChartRequest, buttons
from trading.telegram.pictures.chart import Bar, Chart, LevelKind, PriceLevel, ShownMark, window_text
from trading.telegram.pictures.drawing import draw
from trading.telegram.pictures.header import change_text
from trading.telegram.pictures.themes import THEMES
from vanta import clock
from vanta.money import format_number, format_percent, format_price

CANDLES = 120
LATE_STEPS = 2  # candles that may be missing at the end before the caption says so


@dataclass(frozen=True, slots=True)
class Shown:
    """What the picture and its caption are made of."""

    market: Market
    chart: Chart
    mark: MarkPrice | NoConsensus
    last: MarkPrice | None
    now: dt.datetime


def call(chat_id: int, payload: Mapping[str, Any], banner: str) -> tuple[str, dict[str, Any]]:
    """The Bot API call that an outbox row for a chart stands for now."""
    request = ChartRequest.from_payload(payload)
    market = Market.objects.get(symbol=request.market)
    candles = recent_candles(market.symbol, request.resolution, limit=CANDLES)
    if len(candles) < FEWEST_CANDLES:
        told = cards.text(messages.no_history(market.symbol, request.resolution.label))
        return "sendMessage", {"chat_id": chat_id, **cards.with_banner(told, banner)}
    shown = _shown(market, request, candles)
    card = cards.with_banner(cards.text(caption(shown), buttons(market, request)), banner)
    arguments = {
        "chat_id": chat_id,
        "photo": draw(shown.chart, THEMES[request.theme]),
        "caption": card["text"],
        "parse_mode": card["parse_mode"],
        "reply_markup": card["reply_markup"],
    }
    if request.message_id is None:
        return "sendPhoto", arguments
    return "editMessageMedia", {**arguments, "message_id": request.message_id}


def undrawn(payload: Mapping[str, Any]) -> str:
    """What the trader is told where a chart failed for good."""
    return f"⚠️ The chart of {escape(str(payload.get('market', '')))} could not be drawn. /price shows the price."


def _shown(market: Market, request: ChartRequest, candles: Sequence[Candle]) -> Shown:
    now = clock.now()
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    last = feeds.last_mark(market.symbol) if isinstance(mark, NoConsensus) else None
    known = mark if isinstance(mark, MarkPrice) else last
    chart = Chart(
        market=market.symbol,
        resolution=request.resolution.label,
        step=request.resolution.span,
        bars=tuple(Bar(each.start_at, each.open, each.high, each.low, each.close) for each in candles),
        taken_at=now,
        mark=ShownMark(known.price, is_current=isinstance(mark, MarkPrice)) if known else None,
        levels=_levels(open_positions_in(market, request.trader_id)),
        is_closed=not market.is_open_at(now),
    )
    return Shown(market, chart, mark, last, now)


def _levels(held: Sequence[Position]) -> tuple[PriceLevel, ...]:
    """The levels of each position, the newest position's first; numbered where there are several."""
    levels = []
    for position in held:
        number = f" #{position.pk}" if len(held) > 1 else ""
        opened = f"{position.side.capitalize()} {format_number(position.leverage.normalize())}x"
        prices = (
            (LevelKind.ENTRY, position.entry_price, opened),
            (LevelKind.LIQUIDATION, position.liquidation_price, "Liquidation"),
            (LevelKind.STOP, position.stop_loss, "Stop"),
            (LevelKind.TAKE_PROFIT, position.take_profit, "Take-profit"),
        )
        levels += [PriceLevel(kind, price, name + number) for kind, price, name in prices if price is not None]
    return tuple(levels)


def caption(shown: Shown) -> str:
    """Name, mark and change; how sure the mark is, or how old."""
    chart = shown.chart
    lines = [f"📈 <b>{escape(chart.market)}</b> · {chart.resolution}"]
    if chart.is_closed:
        lines.append(f"⏸ {messages.closed(shown.market.next_open_at)}")
    elif isinstance(shown.mark, NoConsensus):
        lines.append(f"⚠️ No price can be trusted right now: {price_words.why_no_price(shown.mark.reason)}.")
    lines += [_price(shown), f"{change_text(chart.change)} in {window_text(chart.window)}"]
    ended = chart.bars[-1].start_at + chart.step
    if not chart.is_closed and shown.now - ended > LATE_STEPS * chart.step:
        lines.append(f"⚠️ There are no candles since {time_words.moment(ended)}.")
    return "\n".join(lines)


def _price(shown: Shown) -> str:
    if isinstance(shown.mark, MarkPrice):
        return f"<b>{format_price(shown.mark.price)}</b>  ± {format_percent(shown.mark.uncertainty, 3)}"
    if shown.last is None:
        return "No price is known"
    age_ms = round(shown.now.timestamp() * 1000) - shown.last.as_of_ms
    return f"Last known <b>{format_price(shown.last.price)}</b>, {time_words.age(age_ms)} old"
