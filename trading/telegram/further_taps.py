"""Buttons that apps above this one bring: their configurations name the handlers, by verb, in `telegram_taps`.

By name, as most processes never handle a tap and need not know what handlers know.
"""

from collections.abc import Callable
from functools import lru_cache

from django.apps import apps
from django.utils.module_loading import import_string

from trading.telegram.context import Context

Handler = Callable[[Context, str], None]


@lru_cache(maxsize=64)  # verbs come from outside
def handler_of(verb: str) -> Handler | None:
    """None where no app has such a button."""
    for config in apps.get_app_configs():
        if path := getattr(config, "telegram_taps", {}).get(verb):
            handler: Handler = import_string(path)
            return handler
    return None
