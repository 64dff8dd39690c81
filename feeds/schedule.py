"""When beat wakes the feeds. Plain data: the settings merge it.

A tick that could not start before the next one is discarded (`expires`), so that a stalled queue never plays old ticks.
Prices have a queue of their own; what may wait shares another.
"""

from typing import Any

SOURCE_INTERVALS_S = {"avantis": 1, "coingecko": 10, "chainlink": 10}
MARKETS_INTERVAL_S = 30


def _every(seconds: int, task: str, *args: str, queue: str = "feeds") -> dict[str, Any]:
    options = {"queue": queue, "expires": seconds}
    return {"task": f"feeds.tasks.{task}", "schedule": seconds, "args": args, "options": options}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    **{f"poll-{name}": _every(seconds, "poll_source", name) for name, seconds in SOURCE_INTERVALS_S.items()},
    "keep-marks": _every(1, "keep_marks"),
    "refresh-markets": _every(MARKETS_INTERVAL_S, "refresh_markets", queue="maintenance"),
    "roll-up-candles": _every(20, "roll_up_candles", queue="maintenance"),
    "backfill-candles": _every(10, "backfill_candles", queue="maintenance"),
    "prune-candles": _every(3600, "prune_candles", queue="maintenance"),
    "refresh-volatilities": _every(600, "refresh_volatilities", queue="maintenance"),
}
