"""What each child of a lane would do anew, and all alike: importing, and reading the certificates of authorities."""

import functools
import gc
import importlib
import sys
from collections.abc import Iterable

import httpx
import httpx._transports.default as transports


def share_certificates() -> None:
    """Clients share one TLS context: nothing in a lane is asked over TLS, and reading it takes 20 ms a client."""
    transports.create_ssl_context = functools.cache(transports.create_ssl_context)  # type: ignore[attr-defined]
    httpx.Client().close()


def load(names: Iterable[str]) -> None:
    """Import what a child had to import on its way, for those that come after it."""
    for name in names:
        if name not in sys.modules:
            importlib.import_module(name)
    gc.freeze()  # what is never collected is never copied for a child
