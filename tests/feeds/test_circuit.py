"""A source that keeps failing is spared: probed at growing intervals, and trusted again at its first success."""

import pytest

from feeds.source_status import CIRCUIT_OPENS_AFTER, SourceStatus, read_status, record_failure, record_success
from feeds.sources.base import SourceError
from tests.feeds.quotes import quote
from vanta import clock

pytestmark = pytest.mark.django_db  # for an empty Redis
BROKEN = SourceError("HTTP 500", source="s")


def fail(times: int = 1, error: SourceError = BROKEN) -> SourceStatus:
    for _ in range(times):
        record_failure("s", error=error, latency_ms=3, longest_pause_s=30)
    return read_status("s")


def pause_s(status: SourceStatus) -> int:
    return round((status.paused_until_ms - clock.now_ms()) / 1000)


def test_a_few_failures_pause_nothing() -> None:
    status = fail(CIRCUIT_OPENS_AFTER - 1)
    assert status.circuit(clock.now_ms()) == "closed"
    assert pause_s(status) <= 0


@pytest.mark.parametrize(("failures", "seconds"), [(5, 1), (6, 2), (7, 4), (9, 16), (10, 30), (200, 30)])
def test_the_pauses_grow_up_to_the_source_s_longest(failures: int, seconds: int) -> None:
    status = fail(failures)
    assert status.circuit(clock.now_ms()) == "open"
    assert pause_s(status) == seconds
    assert status.circuit(status.paused_until_ms) == "probing"


def test_a_longer_pause_that_the_source_asked_for_is_kept() -> None:
    assert pause_s(fail(1, SourceError("rate limited", retry_after_s=90))) == 90
    assert fail(0).circuit(clock.now_ms()) == "closed"


def test_a_success_closes_the_circuit() -> None:
    fail(CIRCUIT_OPENS_AFTER)
    assert record_success("s", latency_ms=3, quotes=[quote()], asked=2) == CIRCUIT_OPENS_AFTER
    status = read_status("s")
    assert status.circuit(clock.now_ms()) == "closed"
    assert (status.failures, status.quotes, status.asked) == (0, 1, 2)
    assert status.newest_quote_ms == quote().timestamp_ms


def test_a_source_that_was_never_asked_has_a_closed_circuit() -> None:
    assert read_status("never").circuit(clock.now_ms()) == "closed"
