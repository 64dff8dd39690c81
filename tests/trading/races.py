"""Doing things at the same moment, each in a thread and a database connection of its own."""

import threading
from collections.abc import Callable

from django.db import connection

from trading.errors import TradingError


def at_once(*works: Callable[[], object]) -> None:
    """Run all works in threads of their own, begun together; errors of trading are outcomes."""
    start, broken = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except TradingError:
            return
        except BaseException as error:
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not broken, broken
