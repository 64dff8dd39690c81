"""What /sl and /tp do: change one level of an open position; where several are meant, ask which by buttons."""

from collections.abc import Sequence
from decimal import Decimal

from feeds import selectors as feeds
from risk.margin import Side
from trading import selectors
from trading.errors import NoOpenPosition, StopsUnchanged
from trading.models import Order, Position
from trading.order_state import OrderState
from trading.services.stops import KEEP, change_stops
from trading.telegram import cards, levels
from trading.telegram.cards import Payload
from trading.telegram.context import Context
from trading.telegram.numbers import Level, Mistake, parse_order_id, read_level
from trading.telegram.parsing import LevelText, parse_level_words
from vanta.money import ZERO, format_number, format_price, quantize_price

VERB = "stops"
EXAMPLES = {"sl": "<code>/sl ETH 2900</code>", "tp": "<code>/tp ETH 5%</code>"}
NAMES = {"sl": "stop", "tp": "take-profit"}
PRICES = {"sl": levels.stop_price, "tp": levels.take_profit_price}
HIGHEST = Decimal(10) ** 15  # above any price; what is more has no room in its column
MOST_SHOWN = 10
NONE_HERE = "There is no open position here. /positions shows what is open."
HAS_ENDED = "This position has ended. Nothing was changed."


def stop_loss(context: Context, words: tuple[str, ...]) -> None:
    """`/sl ETH 2900`, `/sl #12 2%`, `/sl off`."""
    _typed(context, "sl", words)


def take_profit(context: Context, words: tuple[str, ...]) -> None:
    """`/tp ETH 3300`, `/tp #12 $50`, `/tp off`."""
    _typed(context, "tp", words)


def _typed(context: Context, name: str, words: tuple[str, ...]) -> None:
    typed = parse_level_words(name, words)
    held = _meant(selectors.open_positions(context.trader), typed.which)
    if not held:
        context.reply_text(NONE_HERE)
    elif len(held) > 1:
        context.reply(_choice(name, typed, held))
    else:
        placed = _change(context, held[0], name, typed.level, typed.shown)
        context.reply(cards.order_card(placed), placed) if isinstance(placed, Order) else context.reply_text(placed)


def _meant(held: Sequence[Position], which: str) -> list[Position]:
    """Those of a market, or the one with a number; all where nothing is said. Raises UnknownMarket, Mistake."""
    if not which:
        return list(held)
    if which.removeprefix("#").isdigit():
        return [position for position in held if position.pk == parse_order_id(which)]
    market = feeds.find_market(which)
    return [position for position in held if position.market_id == market.pk]


def tap(context: Context, argument: str) -> None:
    """Carry out what was typed for one of several positions: `<position>:<sl or tp>:<level>`."""
    number, name, text = (*argument.split(":"), "", "")[:3]
    if name not in PRICES:
        raise Mistake("not_understood", name)
    level = read_level(text, text)
    held = [each for each in selectors.open_positions(context.trader) if each.pk == parse_order_id(number)]
    placed = _change(context, held[0], name, level, text) if held else HAS_ENDED
    if not isinstance(placed, Order):
        context.toast(placed, alert=True)
        return
    is_denied = placed.state == OrderState.DENIED
    context.toast("Denied. The card says why." if is_denied else "On its way.", alert=is_denied)
    context.edit(cards.order_card(placed), placed)


def _change(context: Context, position: Position, name: str, level: Level | None, shown: str) -> Order | str:
    """The order; or, where there is none, what to say instead. Raises Mistake."""
    price = _price(position, name, level, shown) if level else None
    try:
        return change_stops(
            trader=context.trader,
            position_id=position.pk,
            stop_loss=price if name == "sl" else KEEP,
            take_profit=price if name == "tp" else KEEP,
            origin=context.origin,
        )
    except NoOpenPosition:
        return HAS_ENDED
    except StopsUnchanged as same:
        there = f"is {format_price(price)}" if price else "is not set"
        when = "An order is on its way after which the" if same.is_on_its_way else "The"
        return f"{when} {NAMES[name]} {there}{'' if same.is_on_its_way else ' already'}. Nothing was sent."


def _price(position: Position, name: str, level: Level, shown: str) -> Decimal:
    """`2%` and `$50` count from the entry, as when it was opened. Raises Mistake where there is no such price."""
    reached = PRICES[name](level, Side(position.side), position.entry_price, position.notional_usd)
    price = quantize_price(reached) if ZERO < reached < HIGHEST else ZERO
    if price <= ZERO:
        raise Mistake("level_not_a_price", shown, (_label(position),))
    return price


def _choice(name: str, typed: LevelText, held: Sequence[Position]) -> Payload:
    wish = f"{NAMES[name]} {typed.level}" if typed.level else f"no {NAMES[name]}"
    rows = [
        [(_button(position, name, typed), f"{VERB}:{position.pk}:{name}:{typed.shown}")]
        for position in held[:MOST_SHOWN]
    ]
    more = f"\n… and {len(held) - MOST_SHOWN} more: write its number." if len(held) > MOST_SHOWN else ""
    example = f"<code>/{name} #{held[0].pk} {typed.shown}</code>"
    return cards.text(f"Which position gets {wish}? Tap it, or write {example}.{more}", *rows)


def _button(position: Position, name: str, typed: LevelText) -> str:
    price = _price(position, name, typed.level, typed.shown) if typed.level else None
    return f"{_label(position)} → {format_price(price) if price else 'none'}"


def _label(position: Position) -> str:
    leverage = format_number(position.leverage.normalize())
    symbol = position.market.symbol.removesuffix("/USD")
    return f"#{position.pk} {position.side.upper()} {symbol} {leverage}x · {position.mode}"
