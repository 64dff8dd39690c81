"""The venue's feed: the price of a pair, the stream of prices, and candles for charts."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.http import Json, answer, events
from vanta.sandbox.market import Tick
from vanta.sandbox.markets import Listing
from vanta.sandbox.veranta.stream import Updates, price_stream
from vanta.sandbox.world import World

_RESOLUTIONS_S = {"1": 60, "3": 180, "5": 300, "15": 900, "30": 1800, "60": 3600, "120": 7200, "240": 14400}
_RESOLUTIONS_S |= {"360": 21600, "720": 43200, "D": 86400, "1D": 86400, "W": 604800, "1W": 604800}


def rounded(price: float, exponent: int) -> float:
    """The price with the digits that its feed publishes."""
    return round(price, -exponent)


def _price_update(spec: PairSpec, tick: Tick) -> Json:
    price = rounded(tick.price, spec.exponent)
    proof = "0x" + hashlib.sha256(f"{spec.index}:{tick.at_ms}".encode()).hexdigest()
    return {
        "core": {"price": price, "priceUpdateData": proof},
        "pro": {"price": price, "publishTimestampMs": tick.at_ms, "priceUpdateData": proof},
    }


def _wanted(listing: Listing, text: str) -> list[PairSpec]:
    ids = [int(part) for part in text.split(",") if part.strip().isdigit()]
    return [listing.by_lazer_id[number] for number in ids if number in listing.by_lazer_id]


def _candles(world: World, asked: dict[str, str]) -> Json:
    spec = world.listing.find(asked.get("symbol", ""))
    resolution_s = _RESOLUTIONS_S.get(asked.get("resolution", ""))
    if spec is None or resolution_s is None:
        return {"s": "error", "errmsg": "unknown_symbol" if spec is None else "unsupported resolution"}
    start_s, end_s = int(asked.get("from", "0")), int(asked.get("to", "0"))
    found = world.market.candles(spec.price_symbol, resolution_s=resolution_s, start_s=start_s, end_s=end_s)
    if not found:
        return {"s": "no_data", "t": [], "o": [], "h": [], "l": [], "c": [], "v": []}
    columns = [[rounded(getattr(c, name), spec.exponent) for c in found] for name in ("open", "high", "low", "close")]
    shaped: Json = dict(zip(("o", "h", "l", "c"), columns, strict=True))
    return {"s": "ok", "t": [c.start_s for c in found], **shaped, "v": [round(c.volume, 2) for c in found]}


def routes(world: World, prefix: str) -> list[BaseRoute]:
    updates = Updates(world)

    async def price_update_data(request: Request) -> Response:
        spec = world.listing.by_index.get(int(request.path_params["index"]))
        if spec is None:
            return answer({"statusCode": 404, "message": "pair not found"}, 404)
        return answer(_price_update(spec, world.quote("feed", spec)))

    async def stream(request: Request) -> Response:
        specs = _wanted(world.listing, request.query_params.get("price_feed_ids", ""))
        if not specs:
            return answer({"statusCode": 400, "message": "price_feed_ids names no known feed"}, 400)
        return events(price_stream(world, updates, specs, request.url.path))

    async def candles(request: Request) -> Response:
        try:
            return answer(_candles(world, dict(request.query_params)))
        except ValueError:
            return answer({"s": "error", "errmsg": "from and to must be Unix seconds"}, 400)

    return [
        Route(f"{prefix}/v2/pairs/{{index:int}}/price-update-data", price_update_data),
        Route(f"{prefix}/v1/stream", stream),
        Route(f"{prefix}/v1/shims/tradingview/history", candles),
    ]
