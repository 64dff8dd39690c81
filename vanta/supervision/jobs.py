"""Supervision of an asyncio job within a process, such as the price streamer."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from vanta.supervision.backoff import RestartPolicy

log = structlog.get_logger(__name__)


class JobGaveUp(RuntimeError):
    """A job failed too often in a row; the cause is its last exception."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a supervised job does now: `state` is running, restarting, finished or gave_up."""

    name: str
    state: str
    failures: int
    delay_s: float | None = None


async def supervise(
    job: Callable[[], Awaitable[None]],
    *,
    name: str,
    policy: RestartPolicy = RestartPolicy(),  # noqa: B008  (frozen)
    report: Callable[[JobReport], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run `job()` until it returns; a normal return is the end of it, not a crash. Cancelling passes through.

    An exception restarts it by `policy`; `report` hears every change. Raises JobGaveUp after too many in a row.
    """
    failures = 0
    while True:
        began = clock()
        report(JobReport(name, "running", failures))
        try:
            await job()
        except Exception as error:  # whatever the job raises is what supervision is for
            failures = policy.failures_after(failures, uptime_s=clock() - began)
            delay_s = policy.delay_s(failures, chance=chance())
            if delay_s is None:
                log.exception("job_gave_up", job=name, failures=failures)
                report(JobReport(name, "gave_up", failures))
                raise JobGaveUp(f"{name} failed {failures} times in a row") from error
            log.warning("job_restarts", job=name, failures=failures, delay_s=round(delay_s, 2), error=repr(error))
            report(JobReport(name, "restarting", failures, delay_s))
        else:
            report(JobReport(name, "finished", failures))
            return
        await pause(delay_s)
