"""The venue's data service: the trading snapshot, made anew every second that somebody asks."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import dumps
from vanta.sandbox.veranta.snapshot import snapshot
from vanta.sandbox.world import World

FRESH_S = 1


def routes(world: World, prefix: str) -> list[BaseRoute]:
    made: tuple[float, dict[str, int], bytes] = (0, {}, b"")

    async def trading(_: Request) -> Response:
        nonlocal made
        closed = dict(world.closed_markets)
        if time.monotonic() - made[0] > FRESH_S or made[1] != closed:
            made = (time.monotonic(), closed, dumps(snapshot(world.listing.pairs, world.exchange, closed)))
        return Response(made[2], media_type="application/json")

    return [Route(f"{prefix}/v2/trading", trading)]
