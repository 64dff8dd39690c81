"""A client that costs little: keep-alive sockets in threads, requests made beforehand, every answer checked."""

import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any


def post_request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one POST."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """One keep-alive connection, opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, request: bytes) -> int:
        """Send one request; its status."""
        for _ in range(2):
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(request)
            if status := self._read_status():
                return status
            self._socket.close()
            self._socket = None
        raise ConnectionError("no answer")

    def _read_status(self) -> int:
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self._socket.recv(8192)):
                return 0
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self._socket.recv(8192)
        if b"connection: close" in head.lower():
            self._socket.close()
            self._socket = None
        return int(head.split(b" ", 2)[1])


def send_all(port: int, requests: Sequence[bytes], *, clients: int) -> float:
    """Seconds to send all requests over `clients` connections. Raises AssertionError on any answer but 200."""
    wrong: list[int] = []

    def work(share: Sequence[bytes]) -> None:
        connection = Connection(port)
        wrong.extend(status for request in share if (status := connection.send(request)) != 200)

    threads = [threading.Thread(target=work, args=(requests[number::clients],)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, f"{len(wrong)} answers were not 200: {set(wrong)}"
    return time.perf_counter() - started


def message_update(update_id: int, user_id: int, text: str) -> bytes:
    """An update as Telegram sends it for a typed message."""
    sender = {"id": user_id, "is_bot": False, "first_name": f"Trader {user_id}"}
    return _json(
        {
            "update_id": update_id,
            "message": {
                "message_id": update_id,
                "date": int(time.time()),
                "chat": {"id": user_id, "type": "private"},
                "from": sender,
                "text": text,
            },
        }
    )


def tap_update(update_id: int, user_id: int, message_id: int, data: str) -> bytes:
    """An update as Telegram sends it for a tapped button."""
    sender = {"id": user_id, "is_bot": False, "first_name": f"Trader {user_id}"}
    message = {"message_id": message_id, "date": int(time.time()), "chat": {"id": user_id, "type": "private"}}
    tap = {"id": str(update_id), "from": sender, "chat_instance": "1", "message": message, "data": data}
    return _json({"update_id": update_id, "callback_query": tap})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()
