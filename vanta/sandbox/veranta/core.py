"""The venue's core backend: a trader's positions and orders. Triggers are kept by the position that they belong to."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import answer
from vanta.sandbox.veranta import triggers
from vanta.sandbox.world import World


def routes(world: World, prefix: str) -> list[BaseRoute]:
    async def user_data(request: Request) -> Response:
        trader = request.query_params.get("trader", "")
        if not trader:
            return answer({"statusCode": 400, "message": "trader is required"}, 400)
        positions = [position.as_core() for position in world.exchange.of(trader)]
        resting = [order.as_core() for order in world.exchange.resting_of(trader)]
        return answer({"positions": positions, "limitOrders": resting})

    async def open_interests(_: Request) -> Response:
        listed = {position.pair_index for position in world.exchange.positions}
        sums = {str(pair): world.exchange.open_interest(pair) for pair in listed}
        return answer({pair: {"long": long_usd, "short": short_usd} for pair, (long_usd, short_usd) in sums.items()})

    return [
        Route(f"{prefix}/user-data", user_data),
        Route(f"{prefix}/v2/open-interests", open_interests),
        *triggers.routes(world, prefix),
    ]
