"""The price sources, one line each. Named by path: only the worker that polls a source pays for its client library."""

import os
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from feeds.sources.base import CatalogueSource, PriceSource
from vanta.errors import VantaError

SOURCES = {
    "avantis": "feeds.sources.avantis.AvantisSource",
    "coingecko": "feeds.sources.coingecko.CoinGeckoSource",
}
CATALOGUE = "feeds.sources.avantis.AvantisSource"


class UnknownSource(VantaError):
    """No source of this name is registered."""

    code = "unknown_source"


def price_source(name: str) -> PriceSource:
    """The process's instance, made at first use (connections do not survive a fork). Raises UnknownSource."""
    if name not in SOURCES:
        raise UnknownSource(name=name)
    source: PriceSource = _instance(SOURCES[name], os.getpid())
    return source


def catalogue_source() -> CatalogueSource:
    """The process's instance of what lists the markets."""
    source: CatalogueSource = _instance(CATALOGUE, os.getpid())
    return source


def forget_sources() -> None:
    """Make new instances at next use; for settings that changed."""
    _instance.cache_clear()


@cache
def _instance(path: str, pid: int) -> Any:
    return import_string(path)()
