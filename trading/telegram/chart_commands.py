"""Asking for a chart, by a command or by a button. The picture is drawn when it is sent, not here."""

from feeds.candles import recent_candles
from feeds.models import Market, Resolution
from feeds.selectors import UnknownMarket, find_market
from trading import outbox
from trading.models import OutboxMessage
from trading.telegram import messages
from trading.telegram.chart_request import DEFAULT_RESOLUTION, VERB, ChartRequest, ChartText, parse_chart, parse_tap
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake
from vanta import clock

EXAMPLE = "<code>/chart ETH 1h</code>"
FEWEST_CANDLES = 2
GONE = "This market is gone."


def chart(context: Context, words: tuple[str, ...]) -> None:
    """Owe the picture that the words ask for."""
    typed = parse_chart(words)
    try:
        market = _market(typed)
    except UnknownMarket as error:
        context.reply_text(_unknown_market(typed, error))
        return
    if has_history(market, typed.resolution):
        _owe(context, ChartRequest(market.symbol, typed.resolution, typed.theme, context.trader.pk))
    else:
        context.reply_text(messages.no_history(market.symbol, typed.resolution.label))


def _market(typed: ChartText) -> Market:
    """The market of one word or several (`eth usd`). Raises UnknownMarket, and Mistake where a word is too many."""
    try:
        return find_market(" ".join(typed.market))
    except UnknownMarket:
        market = find_market(typed.market[0])
    if len(typed.market) == 1:
        return market
    raise Mistake("not_a_resolution", typed.market[1], (market.symbol,))


def _unknown_market(typed: ChartText, error: UnknownMarket) -> str:
    def retyped(symbol: str) -> str:
        return f"/{VERB} {symbol} {typed.resolution.label}"

    return messages.unknown_market(typed.market[0], error.suggestions, retyped, EXAMPLE)


def tap(context: Context, argument: str) -> None:
    """Another resolution, or the same again, in the tapped message; from another card, in a new one."""
    asked = parse_tap(argument)
    market = Market.objects.filter(pk=asked.market_id).first()
    if market is None:
        context.toast(GONE, alert=True)
        return
    resolution = asked.resolution or DEFAULT_RESOLUTION
    if not has_history(market, resolution):
        context.toast(messages.plain(messages.no_history(market.symbol, resolution.label)), alert=True)
        return
    context.toast("")
    message_id = context.message_id if asked.resolution else None
    _owe(context, ChartRequest(market.symbol, resolution, asked.theme, context.trader.pk, message_id))


def has_history(market: Market, resolution: Resolution) -> bool:
    return len(recent_candles(market.symbol, resolution, limit=FEWEST_CANDLES)) == FEWEST_CANDLES


def _owe(context: Context, request: ChartRequest) -> None:
    """Owe the picture, instead of what still waits for the same message: only the last of many taps is drawn.

    A row that somebody is sending, or that was told to wait, is due later and stays: the chat's order is kept by it.
    """
    if request.message_id is not None:
        OutboxMessage.objects.filter(
            chat_id=context.chat_id,
            method=outbox.CHART,
            payload__message_id=request.message_id,
            status=OutboxMessage.Status.PENDING,
            next_attempt_at__lte=clock.now(),
        ).update(status=OutboxMessage.Status.SUPERSEDED)
    outbox.owe(context.chat_id, outbox.CHART, request.payload())
