"""The price sources, one line each. Named by path: only the worker that polls a source pays for its client library."""

import atexit
import os
import threading
from typing import Any

from django.utils.module_loading import import_string

from feeds.sources.base import CandleSource, CatalogueSource, PriceSource
from vanta.errors import VantaError

SOURCES = {
    "avantis": "feeds.sources.avantis.AvantisSource",
    "chainlink": "feeds.sources.chainlink.ChainlinkSource",
    "coingecko": "feeds.sources.coingecko.CoinGeckoSource",
}
CATALOGUE = CANDLES = "feeds.sources.avantis.AvantisSource"


class UnknownSource(VantaError):
    """No source of this name is registered."""

    code = "unknown_source"


def price_source(name: str) -> PriceSource:
    """The process's instance, made at first use (connections do not survive a fork). Raises UnknownSource."""
    if name not in SOURCES:
        raise UnknownSource(name=name)
    source: PriceSource = _instance(SOURCES[name])
    return source


def catalogue_source() -> CatalogueSource:
    """The process's instance of what lists the markets."""
    source: CatalogueSource = _instance(CATALOGUE)
    return source


def candle_source() -> CandleSource:
    """The process's instance of what knows the past."""
    source: CandleSource = _instance(CANDLES)
    return source


def close_sources() -> None:
    """Close this process's connections; new instances are made at next use, with the settings of then."""
    with _making:
        mine = [key for key in _made if key[0] == os.getpid()]
        for source in [_made.pop(key) for key in mine]:
            source.close()


def _instance(path: str) -> Any:
    with _making:
        key = (os.getpid(), path)
        if key not in _made:
            _made[key] = import_string(path)()
        return _made[key]


_made: dict[tuple[int, str], Any] = {}
_making = threading.Lock()
atexit.register(close_sources)
