"""What /risk does."""

from trading.protection_usage import protection_usage
from trading.risk_usage import risk_usage
from trading.services import orders
from trading.telegram import protection_words, risk_pages
from trading.telegram.context import Context


def risk(context: Context, _words: tuple[str, ...]) -> None:
    mode = orders.opening_mode(context.trader)
    page = risk_pages.risk(risk_usage(context.trader, mode))
    protections = protection_words.on_page(protection_usage(context.trader, mode))
    context.reply({**page, "text": page["text"] + protections})
