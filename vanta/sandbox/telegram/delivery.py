"""Calls the bot's webhook: in order within a chat, again until it answers 2xx, as Telegram does."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable

import httpx

from vanta.sandbox.http import dumps
from vanta.sandbox.telegram.messages import Json

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 15.0
TIMEOUT_S = 10.0
KEPT_UPDATES = 10_000
MAX_CONNECTIONS = 40
KEEP_ALIVE_S = 1.0  # shorter than any web server's, so that none closes a connection just as it is used


class WebhookDelivery:
    """Updates that wait for the webhook. Update ids begin at the start's time in ms, so they grow across restarts."""

    def __init__(self, *, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret
        self.last_error = ""
        self.last_error_at = 0
        self.delivered = 0
        self.on_result: Callable[[Json, bool], None] = lambda update, is_delivered: None
        self._ids = itertools.count(int(time.time() * 1000))
        self._queues: dict[int, deque[Json]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._client: httpx.AsyncClient | None = None

    @property
    def pending(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def waiting(self) -> list[tuple[int, Json]]:
        """The updates that the webhook has not taken yet, by chat."""
        return [(chat_id, update) for chat_id, queue in self._queues.items() for update in queue]

    def next_update_id(self) -> int:
        return next(self._ids)

    def put(self, chat_id: int, update: Json) -> None:
        """Queues an update behind those of the same chat."""
        queue = self._queues.setdefault(chat_id, deque(maxlen=KEPT_UPDATES))
        queue.append(update)
        if chat_id not in self._tasks:
            self._tasks[chat_id] = asyncio.create_task(self._drain(chat_id, queue))

    def point_at(self, url: str, secret: str | None) -> None:
        """setWebhook: a new address, and a new secret where one is given; waiting updates go there at once."""
        self.url = url
        if secret is not None:
            self.secret = secret
        self._wake()

    def drop_pending(self) -> None:
        for queue in self._queues.values():
            queue.clear()
        self._wake()

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _drain(self, chat_id: int, queue: deque[Json]) -> None:
        try:
            attempt = 0
            while queue:
                attempt = 0 if await self._offer(queue) else attempt + 1
                if attempt:
                    await self._pause(attempt)
        finally:
            self._tasks.pop(chat_id, None)
            self._queues.pop(chat_id, None)

    async def _offer(self, queue: deque[Json]) -> bool:
        """Offers the oldest update to the webhook; one that was taken leaves the queue."""
        update = queue[0]
        is_delivered = bool(self.url) and await self._post(update)
        self.on_result(update, is_delivered)
        # drop_pending may have emptied the queue meanwhile.
        if is_delivered and queue and queue[0] is update:
            queue.popleft()
        return is_delivered

    async def _pause(self, attempt: int) -> None:
        wait_s = min(FIRST_RETRY_S * 2 ** min(attempt - 1, 10), LONGEST_RETRY_S)
        try:
            await asyncio.wait_for(self._changed.wait(), wait_s)
        except TimeoutError:
            return

    async def _post(self, update: Json) -> bool:
        if self._client is None:
            limits = httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S)
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False)
        headers = {"content-type": "application/json", SECRET_HEADER: self.secret}
        try:
            answer = await self._client.post(self.url, content=dumps(update), headers=headers)
        except httpx.HTTPError as error:
            return self._failed(f"{type(error).__name__}: {error}")
        if not answer.is_success:
            return self._failed(f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        self.delivered += 1
        self.last_error = ""
        return True

    def _failed(self, reason: str) -> bool:
        self.last_error, self.last_error_at = reason, int(time.time())
        return False
