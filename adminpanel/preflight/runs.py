"""A preflight from beginning to end: the checks run, and what they found stored."""

from collections.abc import Collection

import structlog
from django.db import DatabaseError

from adminpanel.models import PreflightRun
from adminpanel.preflight.checks import checks
from adminpanel.preflight.findings import worst
from adminpanel.preflight.running import run
from vanta import clock
from vanta.errors import VantaError

log = structlog.get_logger(__name__)


class UnknownCheck(VantaError):
    """No check has this name; `known` are those that there are."""

    code = "unknown_check"

    def __init__(self, names: Collection[str], known: Collection[str]) -> None:
        super().__init__(names=sorted(names))
        self.known = tuple(known)


def preflight(*, by: str, only: Collection[str] = (), is_drill_forced: bool = False) -> PreflightRun:
    """Run the checks, or `only` some by name, and store what they found if possible. Raises UnknownCheck."""
    every = checks(is_drill_forced=is_drill_forced)
    names = [check.name for check in every]
    if unknown := set(only) - set(names):
        raise UnknownCheck(unknown, names)
    started = clock.monotonic()
    results = run([check for check in every if not only or check.name in only])
    found = PreflightRun(
        by=by,
        is_complete=not only,
        verdict=worst(result.colour for result in results),
        results=[result.as_json() for result in results],
        took_ms=round((clock.monotonic() - started) * 1000),
    )
    bad = {result.name: result.colour.value for result in results if result.do}
    _store(found)
    log.info("preflight_run", run_id=found.pk, verdict=found.verdict, is_complete=found.is_complete, not_green=bad)
    return found


def _store(found: PreflightRun) -> None:
    """Without a database what was found is still to be seen; it opens nothing."""
    try:
        found.save()
    except DatabaseError as error:
        log.warning("preflight_not_stored", error=type(error).__name__)
