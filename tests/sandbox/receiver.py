"""A webhook receiver: remembers updates and their headers, and can be told to refuse some."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.waiting import wait_until


class WebhookReceiver:
    """`refusals` holds the statuses of the next answers; 200 where it is empty."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refusals: deque[int] = deque()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.refusals.popleft() if outer.refusals else 200
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.updates.append(json.loads(body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nobody reads its log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/telegram/webhook/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates if "message" in update]

    def wait_for_text(self, text: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            taken = (update for update in self.updates if update.get("message", {}).get("text") == text)
            return next(taken, None)

        return wait_until(found, 10, f"the update with {text!r}") or {}

    def wait_for_callback(self, data: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            taken = (update for update in self.updates if update.get("callback_query", {}).get("data") == data)
            return next(taken, None)

        return wait_until(found, 10, f"the callback with {data!r}") or {}
