"""Stream the venue's prices until told to stop."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand

from feeds.streamer import Streamer


class Command(BaseCommand):
    help = "Keep the venue's price stream, and the marks; one of several replicas leads, the others wait."

    def handle(self, *args: Any, **options: Any) -> None:
        with suppress(asyncio.CancelledError):  # that is how a stop signal ends it
            asyncio.run(stream_until_told_to_stop())


async def stream_until_told_to_stop() -> None:
    """Ends in order at SIGTERM and SIGINT."""
    streaming = asyncio.create_task(Streamer().run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, streaming.cancel)
    await streaming
