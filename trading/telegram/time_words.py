"""Words for ages and moments. Pure; nothing of it needs escaping."""

import datetime as dt
from decimal import Decimal


def age(milliseconds: int) -> str:
    """`0.7 s`, `12 min`, `5 h`, `3 d`."""
    seconds = Decimal(max(0, milliseconds)) / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = max(0, milliseconds) // 60_000
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} d"


def moment(at: dt.datetime) -> str:
    """`Mon 23 Nov 08:57 UTC`."""
    return f"{at.astimezone(dt.UTC):%a %d %b %H:%M} UTC"
