"""Puts the services together into one ASGI application and keeps the market moving."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from vanta.sandbox import browser_wallet, coingecko, control, memory, page, rpc
from vanta.sandbox.frontdoor import FrontDoor
from vanta.sandbox.telegram.service import TelegramService
from vanta.sandbox.veranta import batched, core, feed, history, keeper, listing, relays, risk, txbuilder
from vanta.sandbox.world import Settings, World, new_world

TICK_S = 0.1
SAVE_PERIOD_S = 5.0
CHECK_PERIOD_S = 0.5
SHARE_OF_SAVING = 20


async def _keep_moving(world: World) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        world.market.advance(time.time())


async def _keep_saving(world: World, path: Path) -> None:
    """Saves soon what happened at the venue, and now and then what happened in the chats; large books less often."""
    saved, saved_at_s, took_s = (memory.traffic(world), world.exchange.journal.changes), 0.0, 0.0
    while True:
        await asyncio.sleep(max(CHECK_PERIOD_S, SHARE_OF_SAVING * took_s))
        now = (memory.traffic(world), world.exchange.journal.changes)
        is_due = now[1] != saved[1] or time.monotonic() - saved_at_s > SAVE_PERIOD_S
        if now != saved and is_due:
            began = time.monotonic()
            memory.save(world, path)
            saved, saved_at_s, took_s = now, began, time.monotonic() - began


def _routes(world: World) -> list[BaseRoute]:
    # The feed is asked most, and routes are tried in order.
    found: list[BaseRoute] = [*feed.routes(world, "/feed"), *feed.routes(world, "/veranta/feed")]
    found += [
        *page.routes(world),
        *control.routes(world),
        *coingecko.routes(world),
        *rpc.routes(world),
        *browser_wallet.routes(world),
        *listing.routes(world, "/veranta/data"),
        *core.routes(world, "/veranta/core"),
        *risk.routes(world, "/veranta/risk/v2"),
        *batched.routes(world, "/veranta/batched-market"),
        *relays.routes(world, "/veranta/blitz"),
    ]
    for prefix in ("/veranta", ""):
        found += txbuilder.routes(world, f"{prefix}/tx-builder")
        found += history.routes(world, f"{prefix}/history")
    return found


def build(settings: Settings) -> FrontDoor:
    """The whole sandbox as an ASGI application with its own, fresh world."""
    world = new_world(settings)
    keeper.watch(world)
    path = settings.state_file

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_keep_moving(world))]
        if path is not None:
            memory.restore(world, path)
            tasks.append(asyncio.create_task(_keep_saving(world, path)))
        yield
        for task in tasks:
            task.cancel()
        if path is not None:
            memory.save(world, path)
        await world.delivery.close()

    others = Starlette(routes=_routes(world), lifespan=lifespan)
    return FrontDoor(world, TelegramService(world), others)
