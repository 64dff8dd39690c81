"""What the health checks say, as alerts' conditions; and whether the dispatcher lives, which beat asks as well.

The checks themselves belong to a layer above: whoever runs them hands their results in.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from adminpanel.alert_conditions import CannotTell, Condition, Finding
from adminpanel.models import Alert
from vanta import heartbeat
from vanta.redis import RedisDown

Kind = Alert.Kind
DISPATCHER_MAX_AGE_S = 15
PATIENCE = dt.timedelta(seconds=30)  # a restart is shorter
LONG_PATIENCE = dt.timedelta(minutes=2)  # of what trading goes on without
CALM = dt.timedelta(seconds=15)
# Checks that have an alert of their own, and those that are told of otherwise: lost prices, the condition below.
OWN_KIND = {
    "workers": Kind.WORKER_MISSING,
    "signing": Kind.WORKER_MISSING,
    "beat": Kind.BEAT_MISSING,
    "disk": Kind.DISK_FULL,
    "memory": Kind.MEMORY_SHORT,
    "dispatcher": Kind.DISPATCHER_MISSING,
}
ASKED_OF_REDIS = frozenset({"workers", "signing", "beat", "feeds", "blockchain"})
CRITICAL = frozenset({"workers", "beat", "disk"})


class CheckResult(Protocol):
    """One check's result: `ok`, `degraded` or `failed`."""

    @property
    def status(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def is_critical(self) -> bool: ...


Checks = Mapping[str, CheckResult]


def conditions(checks: Checks) -> Sequence[Condition]:
    """What these results say."""
    return (
        Condition(Kind.NOT_READY, partial(_not_ready, checks), PATIENCE, CALM),
        Condition(Kind.WORKER_MISSING, partial(_own, checks, Kind.WORKER_MISSING), PATIENCE, CALM),
        Condition(Kind.BEAT_MISSING, partial(_own, checks, Kind.BEAT_MISSING), PATIENCE, CALM),
        Condition(Kind.DISK_FULL, partial(_own, checks, Kind.DISK_FULL), PATIENCE, CALM),
        Condition(Kind.MEMORY_SHORT, partial(_own, checks, Kind.MEMORY_SHORT), LONG_PATIENCE, LONG_PATIENCE),
        Condition(Kind.DEGRADED, partial(_degraded, checks), LONG_PATIENCE, CALM),
    )


def _not_ready(checks: Checks, now: dt.datetime) -> Finding | None:
    """Critical checks that fail: `/readyz` answers 503."""
    failed = {name: check.detail for name, check in checks.items() if check.status == "failed" and name not in OWN_KIND}
    return Finding(failed, now, is_critical=True) if failed else None


def _own(checks: Checks, kind: Kind, now: dt.datetime) -> Finding | None:
    """Raises CannotTell where only Redis would know, and Redis is what is away."""
    bad = {name: check for name, check in checks.items() if OWN_KIND.get(name) == kind and check.status != "ok"}
    if not bad:
        return None
    if _is_redis_away(checks) and ASKED_OF_REDIS.intersection(bad):
        raise CannotTell(kind=kind)
    is_critical = any(check.is_critical or name in CRITICAL for name, check in bad.items())
    return Finding({name: check.detail for name, check in bad.items()}, now, is_critical=is_critical)


def _degraded(checks: Checks, now: dt.datetime) -> Finding | None:
    """The rest: Telegram, the venue, the chain, a queue that is long, a process that keeps dying."""
    left_out = {*OWN_KIND, "feeds", *(ASKED_OF_REDIS if _is_redis_away(checks) else ())}
    bad = {name: check.detail for name, check in checks.items() if check.status == "degraded" and name not in left_out}
    return Finding(bad, now) if bad else None


def _is_redis_away(checks: Checks) -> bool:
    return "redis" in checks and checks["redis"].status != "ok"


def _dispatcher_missing(now: dt.datetime) -> Finding | None:
    try:
        age_s = heartbeat.age_s("dispatcher")
    except RedisDown as error:
        raise CannotTell(kind=Kind.DISPATCHER_MISSING) from error
    if age_s is not None and age_s <= DISPATCHER_MAX_AGE_S:
        return None
    said = "never seen" if age_s is None else f"not seen for {DISPATCHER_MAX_AGE_S} s"
    return Finding({"": said}, now, is_critical=True)


DISPATCHER = Condition(Kind.DISPATCHER_MISSING, _dispatcher_missing, PATIENCE, CALM)
