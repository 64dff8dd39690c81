"""Joining the caller's transaction instead of nesting a savepoint in it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import connection, transaction

P = ParamSpec("P")
R = TypeVar("R")


def joined(write: Callable[P, R]) -> Callable[P, R]:
    """Run `write` in the caller's transaction, or in one of its own where there is none.

    For functions that raise their own errors before they write anything: there is nothing for a savepoint to undo.
    """

    @wraps(write)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return write(*args, **kwargs)
        with transaction.atomic():
            return write(*args, **kwargs)

    return run
