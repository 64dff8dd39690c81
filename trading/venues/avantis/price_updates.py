"""Signed prices that go into a call, fetched before orders are claimed: no transaction waits for the venue's feed."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from trading.venues.avantis.client import VenueUnreachable, venue_client
from vanta import clock

log = structlog.get_logger(__name__)
FRESH_S = 4.0
LONGEST_HEX = 20_000


@dataclass(frozen=True, slots=True)
class _Fetched:
    data: bytes
    at_s: float


_fetched: dict[tuple[int, int], _Fetched] = {}  # by process and pair


def gather(pair_indexes: Iterable[int]) -> None:
    """Fetch what is not fresh; a pair whose feed does not answer stays without."""
    for pair_index in pair_indexes:
        if newest(pair_index) is None:
            try:
                told = venue_client().price_update(pair_index)
                _fetched[os.getpid(), pair_index] = _Fetched(_read(told), clock.monotonic())
            except (VenueUnreachable, ValueError) as error:
                log.warning("price_update_not_told", pair_index=pair_index, error=str(error))


def newest(pair_index: int) -> bytes | None:
    """The bytes, as the contracts verify them; None where none were fetched a moment ago."""
    found = _fetched.get((os.getpid(), pair_index))
    return found.data if found is not None and clock.monotonic() - found.at_s < FRESH_S else None


def _read(told: dict[str, object]) -> bytes:
    """Of the feed that the venue's own app prefers. Raises ValueError."""
    leg = told.get("pro") or told.get("core")
    data = leg.get("priceUpdateData") if isinstance(leg, dict) else None
    if not isinstance(data, str) or not 0 < len(data.removeprefix("0x")) <= LONGEST_HEX:
        raise ValueError("no signed price")
    return bytes.fromhex(data.removeprefix("0x"))
