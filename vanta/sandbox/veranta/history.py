"""The venue's history service: fills of a trader, newest first, from the exchange's journal."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer
from vanta.sandbox.world import World


def _page(rows: list[Json], page: int, limit: int) -> Json:
    newest = rows[::-1]
    shown = newest[page * limit : (page + 1) * limit]
    return {"success": True, "portfolio": shown, "pageCount": -(-len(rows) // max(limit, 1))}


def routes(world: World, prefix: str) -> list[BaseRoute]:
    async def trades(request: Request) -> Response:
        asked = request.path_params
        mine = [row for row in world.exchange.journal if row["trader"].lower() == asked["trader"].lower()]
        return answer(_page(mine, asked["page"], asked["limit"]))

    async def app_status(_: Request) -> Response:
        return answer({"success": True, "status": "ok"})

    async def unknown(_: Request) -> Response:
        # The real service answers 200 even where it has nothing.
        return answer({"success": False, "errorMessage": "not found"})

    place = "{trader}/{page:int}/{limit:int}"
    return [
        Route(f"{prefix}/v2/history/trade-history/{place}", trades),
        Route(f"{prefix}/v2/history/order-history/{place}", trades),
        Route(f"{prefix}/v1/app/status", app_status),
        Route(f"{prefix}/{{rest:path}}", unknown),
    ]
