"""Celery workers that live but no longer work: one that loses Redis while busy can hang instead of ending."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from vanta.broker import bounds

ASK_EVERY_S = 20.0
ANSWER_WITHIN_S = 1.0
SILENT_FOR_S = 75.0  # more than three questions in a row without an answer

Ping = Callable[[], set[str] | None]
log = structlog.get_logger(__name__)


def broker_ping(broker_url: str) -> Ping:
    """Asks all workers at once; the names before the @ of those that answer, None while there is no broker."""
    app = Celery(broker=broker_url, set_as_current=False)
    app.conf.broker_transport_options = bounds(2)

    def ping() -> set[str] | None:
        try:
            answers = app.control.ping(timeout=ANSWER_WITHIN_S)
        except (OperationalError, RedisError, OSError):
            return None
        return {node.partition("@")[0] for answer in answers for node in answer}

    return ping


def in_background(ping: Ping) -> Ping:
    """Asks in a thread of its own and answers with what the question before brought; None where it brought nothing.

    Whoever supervises must neither wait for a broker that hangs nor end because of what asking it may raise.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="liveness")
    asked: list[Future[set[str] | None]] = []

    def answer() -> set[str] | None:
        last = asked.pop() if asked else None
        if last is not None and not last.done():
            asked.append(last)
            return None
        asked.append(thread.submit(ping))
        error = last.exception() if last else None
        if error is not None:
            log.error("liveness_unknown", error=repr(error))
        return last.result() if last and error is None else None

    return answer


def node_of(argv: Sequence[str]) -> str | None:
    """The name before the @ of a worker's `-n`; None for what is no worker."""
    is_worker = "worker" in argv and "-n" in argv[:-1]
    return argv[argv.index("-n") + 1].partition("@")[0] if is_worker else None


@dataclass
class Liveness:
    """Tells which workers have been silent for too long. `nodes` is each process's node; takes the time as a value."""

    nodes: Mapping[str, str]
    ping: Ping
    _heard_at: dict[str, float] = field(default_factory=dict)
    _ask_at: float = 0.0

    def silent(self, now: float, *, started_at: Mapping[str, float]) -> Iterable[str]:
        """The processes to be restarted. `started_at` holds those that run; without a broker nobody is to blame."""
        if now < self._ask_at:
            return []
        self._ask_at = now + ASK_EVERY_S
        answered = self.ping()
        for name, node in self.nodes.items():
            if answered is None or node in answered:
                self._heard_at[name] = now
        running = [name for name in self.nodes if name in started_at]
        return [name for name in running if now - max(self._heard_at.get(name, 0), started_at[name]) > SILENT_FOR_S]
