"""The venue's history service: a trader's rows of the journal, newest first. The real rows are unverified."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer
from vanta.sandbox.world import World

FILLS = frozenset({"open", "close", "increase", "limit_fill", "take_profit", "stop_loss", "liquidation"})
ORDERS = frozenset({"limit_place", "limit_update", "limit_cancel", "tp_sl", "margin_deposit", "margin_withdraw"})


def _page(rows: list[Json], page: int, limit: int) -> Json:
    newest = rows[::-1]
    shown = newest[page * limit : (page + 1) * limit]
    return {"success": True, "portfolio": shown, "pageCount": -(-len(rows) // max(limit, 1))}


def routes(world: World, prefix: str) -> list[BaseRoute]:
    def rows(kinds: frozenset[str]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            asked = request.path_params
            mine = [row for row in world.exchange.journal.of(asked["trader"]) if row["kind"] in kinds]
            return answer(_page(mine, asked["page"], asked["limit"]))

        return respond

    async def app_status(_: Request) -> Response:
        return answer({"success": True, "status": "ok"})

    async def unknown(_: Request) -> Response:
        # The real service answers 200 even where it has nothing.
        return answer({"success": False, "errorMessage": "not found"})

    place = "{trader}/{page:int}/{limit:int}"
    return [
        Route(f"{prefix}/v2/history/trade-history/{place}", rows(FILLS)),
        Route(f"{prefix}/v2/history/order-history/{place}", rows(FILLS | ORDERS)),
        Route(f"{prefix}/v1/app/status", app_status),
        Route(f"{prefix}/{{rest:path}}", unknown),
    ]
