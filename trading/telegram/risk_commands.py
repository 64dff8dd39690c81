"""What /risk does."""

from trading.risk_usage import risk_usage
from trading.services import orders
from trading.telegram import risk_pages
from trading.telegram.context import Context


def risk(context: Context, _words: tuple[str, ...]) -> None:
    mode = orders.opening_mode(context.trader)
    context.reply(risk_pages.risk(risk_usage(context.trader, mode)))
