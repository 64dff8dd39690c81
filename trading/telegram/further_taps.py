"""Buttons that apps above this one bring: each app's module `telegram_taps` writes its handlers in here.

Django imports those modules when it starts, as it does with the admin's (`trading.apps`).
"""

from collections.abc import Callable

from trading.telegram.context import Context

HANDLERS: dict[str, Callable[[Context, str], None]] = {}
