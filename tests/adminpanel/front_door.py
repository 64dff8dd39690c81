"""A web server in a thread: Vanta's own application, or one that answers what a test says."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication

Answers = Mapping[str, tuple[int, Any]]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def served(application: WSGIApplication) -> Iterator[str]:
    """Its address."""
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answering(answers: Answers) -> WSGIApplication:
    """Status and JSON by path; 404 for all others."""

    def application(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        status, body = answers.get(environ["PATH_INFO"], (404, {}))
        start(f"{status} Said", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return application


Serve = Callable[[Answers], str]
