"""A client of the feed's price stream that keeps what came and tells how the stream ended."""

import http.client
import json
import socket
import threading
import time
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.waiting import wait_until

ANSWERS_WITHIN_S = 10


class StreamReader:
    """Reads in a thread of its own until the stream ends or the `with` block does.

    `frames` are the whole frames, oldest first; `torn` the data lines that are no JSON; `ended` is empty while the
    stream is open, then "cleanly" or "cut". `status` is that of the answer.
    """

    def __init__(self, url: str, *feed_ids: int, prefix: str = "/feed") -> None:
        self.frames: list[dict[str, Any]] = []
        self.torn: list[str] = []
        self.ended = ""
        self.last_line_s = time.monotonic()
        self._path = f"{prefix}/v1/stream?price_feed_ids={','.join(map(str, feed_ids))}"
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.status = 0

    def __enter__(self) -> Self:
        self._connection.connect()
        self.opened_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection.sock is not None and not self.ended:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWERS_WITHIN_S)
        self._connection.close()

    def wait_for_frames(self, count: int) -> list[dict[str, Any]]:
        """The next `count` frames that arrive from now on."""
        seen = len(self.frames)
        wait_until(lambda: len(self.frames) >= seen + count, ANSWERS_WITHIN_S, f"{count} more frames")
        return self.frames[seen : seen + count]

    def _read(self) -> None:
        try:
            self._connection.request("GET", self._path)
            response = self._connection.getresponse()
            self.status = response.status
            for line in response:
                self._take(line.decode(errors="replace").strip())
            self.ended = "cleanly"
        except (http.client.HTTPException, OSError):
            self.ended = "cut"

    def _take(self, line: str) -> None:
        if not line.startswith("data: "):
            return
        self.last_line_s = time.monotonic()
        try:
            self.frames.append(json.loads(line.removeprefix("data: ")))
        except ValueError:
            self.torn.append(line)


def prices_in(frame: dict[str, Any]) -> dict[int, Decimal]:
    """The prices of a frame by feed."""
    return {feed["priceFeedId"]: Decimal(feed["price"]).scaleb(feed["exponent"]) for feed in frame["priceFeeds"]}
