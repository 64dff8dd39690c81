"""From an update to the handler of its command or tap; every one gets an answer."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from feeds.models import Market
from feeds.selectors import UnknownMarket, find_market
from trading import outbox
from trading.models import TelegramUpdate, Trader
from trading.services import placing
from trading.services.traders import register_trader
from trading.telegram import commands, further_taps, messages, taps
from trading.telegram.admins import is_admin
from trading.telegram.context import Context
from trading.telegram.menu import ADMIN_MENU
from trading.telegram.message_limit import answer_excess, excess
from trading.telegram.numbers import Mistake
from trading.telegram.parsing import Command, parse_command
from vanta import tracing

MAX_TEXT = 4096
BIGINT = 2**63
_CONFIRM = re.compile(r"confirm:[0-9]{1,18}(:[0-9]{1,4})?")
GROUP = "I only talk in private chats, where nobody reads your trades."
FORWARDED = "This card was sent to somebody else's chat. Its buttons only work in your own chat with me."
OUT_OF_USE = "This button is not in use any more."


def handle_all(updates: Sequence[TelegramUpdate]) -> list[str]:
    """Carry out updates, each chat's in order; confirmations that a chat begins with are decided together.

    Those of a user who sends too many are answered once, then not at all.
    """
    too_many = excess(updates)
    confirmed = _confirm_all(_leading_confirmations([each for each in updates if each.update_id not in too_many]))
    outcomes = []
    for update in updates:
        with tracing.bind_trace(update.trace_id, update_id=update.update_id):
            if update.update_id in too_many:
                outcomes.append(answer_excess(update, too_many[update.update_id]))
            else:
                outcomes.append(confirmed.get(update.update_id) or handle(update))
    return outcomes


def _leading_confirmations(updates: Sequence[TelegramUpdate]) -> list[tuple[TelegramUpdate, str]]:
    """Taps on [Confirm] in the tapper's own chat, with nothing but such before them in the batch."""
    found, others = [], set()
    for update in updates:
        tap = update.payload.get("callback_query")
        data = tap.get("data") if isinstance(tap, dict) and isinstance(tap.get("id"), str) else None
        is_confirmation = isinstance(data, str) and _CONFIRM.fullmatch(data) and update.chat_id == update.user_id
        if is_confirmation and update.chat_id not in others:
            found.append((update, str(data).partition(":")[2]))
        else:
            others.add(update.chat_id)
    return found


def _confirm_all(taps_found: Sequence[tuple[TelegramUpdate, str]]) -> dict[int, str]:
    """Outcomes by update id."""
    if len(taps_found) < 2:
        return {}  # alone it costs the same the usual way
    traders = Trader.objects.in_bulk([update.user_id for update, _ in taps_found], field_name="telegram_id")
    known = [(update, argument) for update, argument in taps_found if update.user_id in traders]
    contexts, confirmations = [], []
    for update, argument in known:
        with tracing.bind_trace(update.trace_id):
            context = _tap_context(update, traders[update.user_id], update.payload["callback_query"])
            contexts.append(context)
            confirmations.append(taps.confirmation(context, argument))
    for (update, _), context, placed in zip(known, contexts, placing.place_all(confirmations), strict=True):
        with tracing.bind_trace(update.trace_id, update_id=update.update_id):
            taps.answer_confirmation(context, placed)
    return {update.update_id: "tap_confirm" for update, _ in known}


def end_overtaken(closing: TelegramUpdate, waiting: Sequence[TelegramUpdate]) -> list[TelegramUpdate]:
    """End the drafts whose confirmations wait while a closing of their market was carried out before them.

    They would open afterwards what the trader believes to be closed. Answers those of `waiting` that are over by this.
    A closing of one position says nothing about others.
    """
    message = closing.payload.get("message")
    command = parse_command(str(message.get("text", ""))) if isinstance(message, dict) else None
    word = command.words[0] if command and command.name == "close" and command.words else "#"
    if word.startswith("#") or word.isdigit():
        return []
    try:
        market = None if word.lower() == "all" else find_market(word)
    except UnknownMarket:
        return []
    return [update for update in waiting if _overtaken(update, market)]


def _overtaken(update: TelegramUpdate, market: Market | None) -> bool:
    found = _leading_confirmations([update])
    if not found:
        return False
    context = _context(update, update.payload["callback_query"].get("from"), update.payload["callback_query"])
    return taps.end_overtaken(context, found[0][1], market)


def handle(update: TelegramUpdate) -> str:
    """Carry out one update in the caller's transaction; answers what it was, '' where it is nothing of ours."""
    payload = update.payload
    tap, message = payload.get("callback_query"), payload.get("message")
    if not update.user_id:
        return ""
    if isinstance(tap, dict) and isinstance(tap.get("id"), str):
        return _handle_tap(update, tap)
    if isinstance(message, dict) and isinstance(message.get("text"), str) and update.chat_id:
        return _handle_text(update, message)
    return ""


def _handle_text(update: TelegramUpdate, message: dict[str, Any]) -> str:
    chat = message.get("chat")
    if not isinstance(chat, dict) or chat.get("type", "private") != "private":
        outbox.owe(update.chat_id, "sendMessage", {"text": GROUP})
        return "group"
    context = _context(update, message.get("from"))
    typed = message["text"][:MAX_TEXT]
    command = parse_command(typed)
    handler = commands.HANDLERS.get(command.name) if command else None
    if command is None or handler is None:
        context.reply_text(messages.unknown_command(typed, _similar(command, context) if command else []))
        return "unknown"
    try:
        handler(context, command.words)
    except Mistake as error:
        context.reply_text(messages.mistake(error, commands.EXAMPLES.get(command.name, messages.OPENING_EXAMPLE)))
    except UnknownMarket as error:
        context.reply_text(_unknown_market(error, command))
    return command.name


def _similar(command: Command, context: Context) -> list[str]:
    """The command that was probably meant; admins' commands are suggested to admins only."""
    hidden = () if is_admin(context.trader.telegram_id) else ADMIN_MENU
    return difflib.get_close_matches(command.name, [name for name in commands.HANDLERS if name not in hidden], n=1)


def _unknown_market(error: UnknownMarket, command: Command) -> str:
    def retyped(symbol: str) -> str:
        return " ".join((f"/{command.name}", symbol, *command.words[1:]))

    example = commands.EXAMPLES.get(command.name, messages.OPENING_EXAMPLE)
    return messages.unknown_market(command.words[0], error.suggestions, retyped, example)


def _handle_tap(update: TelegramUpdate, tap: dict[str, Any]) -> str:
    context = _context(update, tap.get("from"), tap)
    if update.chat_id not in (0, update.user_id):
        context.toast(FORWARDED, alert=True)
        return "tap_forwarded"
    data = tap.get("data")
    verb, _, argument = data.partition(":") if isinstance(data, str) else ("", "", "")
    handler = taps.HANDLERS.get(verb) or further_taps.handler_of(verb)
    if handler is None:
        context.toast(OUT_OF_USE)
        return "tap_unknown"
    try:
        handler(context, argument)
    except Mistake:
        context.toast(OUT_OF_USE)  # its data is not what we write on buttons today
    return f"tap_{verb}"


def _context(update: TelegramUpdate, sender: object, tap: dict[str, Any] | None = None) -> Context:
    """The trader's own chat has the trader's own id: a card tapped elsewhere tells nobody there."""
    user = sender if isinstance(sender, dict) else {}
    trader = register_trader(
        telegram_id=update.user_id,
        chat_id=update.user_id,
        username=_text(user.get("username")),
        first_name=_text(user.get("first_name")),
    )
    return _tap_context(update, trader, tap) if tap else Context(trader, update.user_id, update.update_id)


def _tap_context(update: TelegramUpdate, trader: Trader, tap: dict[str, Any]) -> Context:
    shown = tap.get("message")
    shown_id = shown.get("message_id") if isinstance(shown, dict) else None
    is_id = isinstance(shown_id, int) and not isinstance(shown_id, bool) and 0 < shown_id < BIGINT
    return Context(
        trader=trader,
        chat_id=update.user_id,
        update_id=update.update_id,
        tap_id=tap["id"],
        message_id=shown_id if is_id else None,
        came_at=update.received_at,
    )


def _text(value: object) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""
