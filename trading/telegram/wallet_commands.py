"""What /connect, /wallet and their buttons do."""

from trading import outbox
from trading.services import delegates, onboarding
from trading.telegram import wallet_pages
from trading.telegram.context import Context
from trading.telegram.numbers import parse_order_id

NOT_YOURS = "There is no such delegate any more. /wallet shows what there is."


def connect(context: Context, _words: tuple[str, ...]) -> None:
    """Owe the one-time link; its token is made when the message is sent, and only that message has it."""
    link = onboarding.offer_link(context.trader)
    outbox.owe(context.chat_id, outbox.CONNECT_LINK, {"link": link.pk})


def wallet(context: Context, _words: tuple[str, ...]) -> None:
    delegate = delegates.latest(context.trader)
    delegates.look_at_funds(context.trader)
    context.reply(wallet_pages.wallet(delegate))


def show_again(context: Context, _argument: str) -> None:
    context.toast("")
    delegates.look_at_funds(context.trader)
    context.edit(wallet_pages.wallet(delegates.latest(context.trader)))


def ask_to_revoke(context: Context, argument: str) -> None:
    """The first of two taps."""
    delegate = delegates.latest(context.trader)
    if delegate is None or delegate.pk != parse_order_id(argument) or not delegate.is_open:
        context.toast(NOT_YOURS, alert=True)
        return
    context.toast("")
    context.edit(wallet_pages.really_revoke(delegate))


def revoke(context: Context, argument: str) -> None:
    """The second: the key is gone when this returns."""
    delegate = delegates.revoke(context.trader, parse_order_id(argument))
    if delegate is None:
        context.toast(NOT_YOURS, alert=True)
        return
    context.toast("Revoked. The key is deleted.")
    context.edit(wallet_pages.revoked(delegate))
