"""The venue's risk engine: the spread that an order of a size would be filled with."""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.http import answer, json_body
from vanta.sandbox.world import World

RAW = Decimal(10**10)
IMPACT_P_PER_MILLION = Decimal("0.02")
CAP_P = Decimal(2)
MILLION = Decimal(10**6)


def spread_p(spec: PairSpec, notional_usd: Decimal) -> Decimal:
    """Spread in percent: the pair's own, plus an impact that grows with the size, capped."""
    own = Decimal(str(spec.upside_spread_p if spec.is_upside else spec.spread_p))
    impact = IMPACT_P_PER_MILLION * notional_usd / MILLION if spec.group_facts.is_spread_dynamic else Decimal(0)
    return min(own + impact, CAP_P)


def routes(world: World, prefix: str) -> list[BaseRoute]:
    async def spread(request: Request) -> Response:
        try:
            asked = await json_body(request)
            spec = world.listing.by_index[int(asked["pairIndex"])]
            coins = abs(Decimal(str(asked["coinSize10"]))) / RAW
        except (ValueError, KeyError, ArithmeticError):
            return answer({"statusCode": 400, "message": "malformed spread request"}, 400)
        if spec.price_symbol in world.closed_markets:
            return answer({"statusCode": 403, "message": "spread blocked: market closed"}, 403)
        price = Decimal(1) if spec.base == "USD" else Decimal(repr(world.quote("feed", spec).price))
        quoted = str(int(spread_p(spec, coins * price) * RAW))
        return answer(
            {
                "pairIndex": spec.index,
                "spreadPctWithoutFlow10": quoted,
                "estimatedSpreadPctWithFlow10": quoted,
                "spreadMechanism": "SM001",
                "byPass": False,
                "flowParams": {},
            }
        )

    return [Route(f"{prefix}/spread", spread, methods=["POST"])]
