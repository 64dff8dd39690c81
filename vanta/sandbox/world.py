"""Everything that the sandbox pretends: one object that every service is given."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from vanta.sandbox.blocks import Blocks
from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.faults import FaultBox
from vanta.sandbox.market import MarketModel, Tick
from vanta.sandbox.markets import Listing, list_markets
from vanta.sandbox.telegram.chats import Chats
from vanta.sandbox.telegram.delivery import WebhookDelivery
from vanta.sandbox.veranta.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Settings:
    """How the process was started. An empty token accepts any that looks like one; no state file keeps nothing.

    `markets` is the number of prices in all; None is the catalogue as it is. The price stream sends a frame every
    `stream_period_s`.
    """

    seed: int = 7
    markets: int | None = None
    stream_period_s: float = 0.2
    bot_token: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    bot_username: str = "vanta_sandbox_bot"
    state_file: Path | None = None


@dataclass(slots=True)
class World:
    """The state of the pretended outside world; one event loop owns it.

    `closed_markets` holds the time, in Unix seconds, at which each closed market opens again.
    """

    settings: Settings
    listing: Listing
    market: MarketModel
    chats: Chats
    delivery: WebhookDelivery
    faults: FaultBox
    blocks: Blocks
    exchange: Exchange
    served: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    closed_markets: dict[str, int] = field(default_factory=dict)
    is_stopping: bool = False
    started_at_s: float = field(default_factory=time.time)

    def quote(self, service: str, pair: PairSpec, at_s: float | None = None) -> Tick:
        """What `service` says that a pair costs, now or at an earlier time, price faults included."""
        symbol = pair.price_symbol
        tick = self.market.tick(symbol) if at_s is None else self.market.tick_at(symbol, at_s)
        return self.faults.price(service, symbol, tick)


def new_world(settings: Settings) -> World:
    listing = list_markets(settings.markets)
    market = MarketModel(listing.bases, seed=settings.seed, now_s=time.time())
    chats = Chats(bot_username=settings.bot_username, bot_token=settings.bot_token)
    delivery = WebhookDelivery(url=settings.webhook_url, secret=settings.webhook_secret)
    faults = FaultBox()
    blocks = Blocks(faults)
    return World(
        settings=settings,
        listing=listing,
        market=market,
        chats=chats,
        delivery=delivery,
        faults=faults,
        blocks=blocks,
        exchange=Exchange(blocks),
    )
