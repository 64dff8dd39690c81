"""The bot's commands with one line about each: Telegram's menu and /help show the same; /help tells admins more."""

from trading import outbox

MENU = {
    "long": "open a position that gains when the price rises",
    "short": "open one that gains when it falls",
    "limit": "open one when a price is reached: @2900, or stop@3100",
    "increase": "add to an open position",
    "positions": "what is open, with its profit and buttons to close it",
    "close": "close all or a part of a position",
    "panic": "stop opening at once; then one tap closes everything",
    "sl": "set, move or remove (off) the stop of an open position",
    "tp": "the same for its take-profit",
    "margin": "add margin to a position, or withdraw some of it",
    "orders": "what waits for its price, and your last orders",
    "cancel": "take back what waits, or has not left yet",
    "wallet": "your wallet, its delegate, and how to revoke it",
    "connect": "connect a wallet for LIVE trading",
    "balance": "equity, free balance, what positions hold",
    "risk": "your limits and how much of each is used; set leverage 20 tightens one",
    "settings": "what is done for you close to liquidation",
    "price": "a price, its age and where it comes from",
    "chart": "candles with the mark and your own levels, as a picture",
    "markets": "what can be traded, with how much leverage",
    "why": "everything that happened to an order",
    "status": "how trading stands",
    "help": "how to write orders",
}
ADMIN_MENU = {
    "stop": "wind down: nothing opens, closing goes on; a reason may follow",
    "halt": "emergency stop: nothing is sent but cancels",
    "maintenance": "wind down, and tell the traders",
    "feeds": "how prices come in",
}  # in the /help of admins, and in nobody's menu
NOBODY = 0  # the chat of calls that are about the bot itself


def owe_menu() -> None:
    """Owe the menu to Telegram, through the outbox: it is retried until Telegram is up."""
    commands = [{"command": name, "description": about} for name, about in MENU.items()]
    outbox.owe(NOBODY, "setMyCommands", {"commands": commands})
