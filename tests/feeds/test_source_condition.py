"""A source's condition in one word, from what is known of its last polls."""

from typing import Any

import pytest

from feeds.source_status import CIRCUIT_OPENS_AFTER, SourceStatus

NOW_MS = 1_790_000_000_000
OPEN = {"failures": CIRCUIT_OPENS_AFTER, "last_ok_ms": NOW_MS}


@pytest.mark.parametrize(
    ("known", "condition"),
    [
        ({}, "never heard"),
        ({"last_ok_ms": NOW_MS - 30_000}, "ok"),
        ({"last_ok_ms": NOW_MS - 30_001}, "silent"),
        ({"failures": 1}, "failing"),
        ({"failures": 4, "last_ok_ms": NOW_MS}, "failing"),
        ({"last_ok_ms": NOW_MS, "paused_until_ms": NOW_MS}, "ok"),
        ({"last_ok_ms": NOW_MS, "paused_until_ms": NOW_MS + 1}, "paused"),
        ({**OPEN, "paused_until_ms": NOW_MS + 1}, "open"),
        ({**OPEN, "paused_until_ms": NOW_MS}, "probing"),
    ],
)
def test_the_worst_that_is_known_is_the_condition(known: dict[str, Any], condition: str) -> None:
    assert SourceStatus("s", **known).condition(NOW_MS) == condition
