"""CoinGecko's simple price endpoint. Its data is 20-60 s old, and so are the price and the timestamp here."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer
from vanta.sandbox.world import World

OLDEST_S, NEWEST_S = 60, 20


def age_s(now_s: float) -> float:
    """Age of the data at a time: a sawtooth, as a cache behind a network behaves."""
    return NEWEST_S + now_s % (OLDEST_S - NEWEST_S)


def routes(world: World) -> list[BaseRoute]:
    async def simple_price(request: Request) -> Response:
        asked = request.query_params
        currencies = asked.get("vs_currencies", "")
        if not currencies:
            return answer({"error": "Missing parameter vs_currencies"}, 422)
        with_time = asked.get("include_last_updated_at") == "true"
        now_s = time.time()
        prices: Json = {}
        for coin in asked.get("ids", "").split(","):
            spec = world.listing.by_coingecko_id.get(coin.strip())
            if spec is None:
                continue
            tick = world.quote("coingecko", spec, now_s - age_s(now_s))
            price = tick.price if asked.get("precision") == "full" else float(f"{tick.price:.6g}")
            entry: Json = {"usd": price} if "usd" in currencies.split(",") else {}
            prices[coin.strip()] = {**entry, "last_updated_at": int(tick.at_s)} if with_time else entry
        return answer(prices)

    async def ping(_: Request) -> Response:
        return answer({"gecko_says": "(V3) To the Moon!"})

    return [Route("/coingecko/api/v3/simple/price", simple_price), Route("/coingecko/api/v3/ping", ping)]
