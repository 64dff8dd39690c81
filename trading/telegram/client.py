"""The Bot API client: one Bot on one event loop for the life of a process."""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from telegram import Bot
from telegram.request import HTTPXRequest

T = TypeVar("T")
TIMEOUT_S = 5
FREE_CONNECTION_S = 2
CONNECTIONS = 16


class BotLoop:
    """A background thread with an event loop and an initialised Bot; made after a worker has forked."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="bot-loop", daemon=True).start()
        request = HTTPXRequest(
            connection_pool_size=CONNECTIONS,
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
            media_write_timeout=TIMEOUT_S,  # by default 20 s, with which a row's lease could run out
            pool_timeout=FREE_CONNECTION_S,
        )
        self.bot = Bot(settings.TELEGRAM_BOT_TOKEN, base_url=settings.TELEGRAM_API_BASE_URL, request=request)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@cache
def bot_loop() -> BotLoop:
    """The process's Bot."""
    return BotLoop()
