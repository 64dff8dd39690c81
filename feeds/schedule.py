"""When beat wakes the feeds. Plain data: the settings merge it.

A tick that could not start before the next one is discarded (`expires`), so that a stalled queue never plays old ticks.
"""

from typing import Any

SOURCE_INTERVALS_S = {"avantis": 1, "coingecko": 10}
MARKETS_INTERVAL_S = 30


def _every(seconds: int, task: str, *args: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "args": args, "options": {"queue": "feeds", "expires": seconds}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "refresh-markets": _every(MARKETS_INTERVAL_S, "feeds.tasks.refresh_markets"),
    "poll-avantis": _every(SOURCE_INTERVALS_S["avantis"], "feeds.tasks.poll_source", "avantis"),
    "poll-coingecko": _every(SOURCE_INTERVALS_S["coingecko"], "feeds.tasks.poll_source", "coingecko"),
}
