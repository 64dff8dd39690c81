"""What /panic and its buttons do: stop the trader's entries, close everything, and let them open again."""

from trading.errors import PanicOver
from trading.models import Panic
from trading.services import panics
from trading.telegram import panic_cards
from trading.telegram.cards import text
from trading.telegram.context import Context
from trading.telegram.numbers import Mistake, parse_order_id

OFF = ("off", "resume")
OVER = "You have resumed since. /panic stops your entries again."
STAYS = "🛑 Your entries stay stopped."


def panic(context: Context, words: tuple[str, ...]) -> None:
    """`/panic` stops at once, whatever follows it; `/panic off` asks whether to resume."""
    if words and words[0].lower() in OFF:
        _ask(context, Panic.objects.filter(trader=context.trader, ended_at__isnull=True).first())
        return
    panics.stop_entries(trader=context.trader, origin=context.origin)


def tap(context: Context, argument: str) -> None:
    """`close`, `ask`, `resume` or `stay`, with the number of the panic that the button belongs to. Raises Mistake."""
    verb, _, number = argument.partition(":")
    handler = _TAPS.get(verb)
    if handler is None:
        raise Mistake("not_understood", verb)
    try:
        handler(context, parse_order_id(number))
    except PanicOver:
        context.toast(OVER, alert=True)


def _close(context: Context, panic_id: int) -> None:
    panics.close_everything(trader=context.trader, panic_id=panic_id, message_id=context.message_id)
    context.toast("Closing everything.")


def _ask_again(context: Context, panic_id: int) -> None:
    found = Panic.objects.filter(pk=panic_id, trader=context.trader, ended_at__isnull=True).first()
    if found is None:
        raise PanicOver(panic_id=panic_id)
    context.toast("")
    _ask(context, found)


def _ask(context: Context, found: Panic | None) -> None:
    if found is None:
        context.reply_text(panic_cards.NOT_STOPPED)
    else:
        context.reply(panic_cards.asked_to_resume(found))


def _resume(context: Context, panic_id: int) -> None:
    panics.resume(trader=context.trader, panic_id=panic_id)
    context.toast("You can open again.")
    context.edit(text("▶️ <b>Resumed.</b> You can open positions again."))


def _stay(context: Context, _panic_id: int) -> None:
    context.toast("Stopped, as before.")
    context.edit(text(STAYS))


_TAPS = {"close": _close, "ask": _ask_again, "resume": _resume, "stay": _stay}
