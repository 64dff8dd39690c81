"""Randomised schedules: a handful of operations on each of many fresh accounts, dealt to actors that race each other.

One account is one interleaving: which operations, in which order and by which actor is drawn from the seed. The actors
are threads with connections of their own; what they wait for, PostgreSQL, Redis and the kernel decide.
"""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from django.db import connection, transaction

from feeds.consensus import Quote
from feeds.models import Market
from feeds.quote_store import write_quotes
from risk.margin import Side
from tests.factories import in_history, make_order, make_policy, make_trader, set_limits
from trading import execution, guardian
from trading.errors import TradingError
from trading.models import Order, Position, Trader
from trading.services import orders, placing, positions
from trading.services.orders import Origin
from trading.services.placing import Confirmation
from vanta import clock
from vanta.money import ONE, ZERO

D = Decimal
ACTORS, STEPS = 4, 4
WIDE: dict[str, Any] = {
    "max_position_size_usd": D(10**9),
    "max_account_risk_pct": D(1),
    "max_daily_loss_pct": D(1),
    "price_max_age_s": D(60),
    "opens_per_minute": 1000,
    "trades_per_day": 1000,
    "hourly_volume_usd": D(10**9),
    "daily_volume_usd": D(10**9),
}
# What binds an account at first, and the orders that come up against it: collateral and leverage.
BINDING: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "margin": ({}, (2500, 4000, 6000), (1, 2)),
    "daily_loss": ({"max_daily_loss_pct": D("0.015")}, (100, 150, 200), (2, 10)),
    "position_size": ({"max_position_size_usd": D(4000)}, (100, 150, 200), (10, 20)),
    "hourly_volume": ({"hourly_volume_usd": D(4000)}, (100, 150, 200), (10, 20)),
    "daily_volume": ({"daily_volume_usd": D(4000)}, (100, 150, 200), (10, 20)),
    "opens_per_minute": ({"opens_per_minute": 2}, (50, 100), (10,)),
    "trades_per_day": ({"trades_per_day": 2}, (50, 100), (10,)),
}
# The first and the last are further than slippage allows: what is carried out then is rejected.
MOVES = tuple(map(D, ("-0.0015", "-0.0008", "-0.0004", "0", "0", "0.0003", "0.0006", "0.0008", "0.0014")))
STOPS = (None, D("0.0007"), D("0.002"), D("0.01"))
Work = Callable[[], object]


@dataclass(slots=True)
class Turn:
    """What one actor does in one step: confirmations that it decides on together, and works, one after the other."""

    confirmations: list[Confirmation] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)


class Round:
    """Fresh accounts and their schedules, all of one seed."""

    def __init__(self, seed: int, accounts: int, market: Market, price: Decimal) -> None:
        self.random, self.market, self.price = Random(seed), market, price
        self.history: list[dict[str, Any]] = []  # appended to by all actors: one list operation each
        self.turns: dict[tuple[int, int], Turn] = defaultdict(Turn)
        with transaction.atomic():
            self.policies = {
                name: make_policy(f"{name} binds", may_loosen=True, **WIDE | limits)
                for name, (limits, _, _) in BINDING.items()
            }
            self.traders = [self._schedule(number) for number in range(accounts)]
        for step in range(STEPS):
            self._deal(partial(self.publish, self.random.choice(MOVES)), step)
            for _ in range(2):
                self._deal(execution.drain, step)
        self._deal(guardian.close_crossed, STEPS - 2)
        self._deal(guardian.close_crossed, STEPS - 1)

    def run(self) -> None:
        """All actors at once. Refusals are outcomes; anything else that is raised is raised here."""
        start, broken = threading.Barrier(ACTORS), list[BaseException]()
        actors = [threading.Thread(target=self._act, args=(actor, start, broken)) for actor in range(ACTORS)]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join(60)
        if broken:
            raise broken[0]
        guardian.close_crossed()
        execution.drain()

    def publish(self, move: Decimal = ZERO) -> None:
        """The market's price, a little off where it began."""
        now = clock.now_ms()
        price, weight = self.price * (1 + move), D("1.5")
        write_quotes([Quote(self.market.price_symbol, "avantis", "pyth", price, now, now, weight, 60_000)])

    def _schedule(self, number: int) -> Trader:
        """A fresh account under its limits, with two to four drafts, and what happens to it meanwhile."""
        binding, draw = tuple(BINDING)[number % len(BINDING)], self.random
        limits, collaterals, leverages = BINDING[binding]
        trader = make_trader(policy=self.policies[binding])
        self.history.append(in_history(trader, 0, **WIDE | limits))
        for _ in range(draw.randint(2, 3)):
            order = self._draft(trader, draw.choice(collaterals), draw.choice(leverages))
            for _ in range(draw.choice((1, 1, 1, 2))):  # a second yes to the same
                self._turn(draw.randrange(STEPS)).confirmations.append(Confirmation(trader.telegram_id, order.pk))
            if draw.random() < 0.15:
                self._deal(partial(orders.cancel, trader=trader, order_id=order.pk))
        for _ in range(draw.choice((0, 1, 1, 2))):
            self._deal(partial(close_all, trader, draw.choice((D("0.4"), ONE))))
        if limits and draw.random() < 0.6:
            ((name, limit),) = limits.items()
            factor = draw.choice((D("0.5"), D(2)))
            changed = int(limit * factor) if isinstance(limit, int) else limit * factor
            self._deal(lambda: self.history.append(set_limits(trader, **WIDE | {name: changed})))
        return trader

    def _draft(self, trader: Trader, collateral: int, leverage: int) -> Order:
        side, stop = self.random.choice(tuple(Side)), self.random.choice(STOPS)
        return make_order(
            trader=trader,
            market=self.market,
            side=side,
            collateral_usd=D(collateral),
            leverage=D(leverage),
            stop_loss=None if stop is None else self.price * (1 - side.sign * stop),
            quoted_price=self.price,
            valid_until=clock.now() + dt.timedelta(minutes=10),  # on a slow machine too
        )

    def _turn(self, step: int) -> Turn:
        return self.turns[self.random.randrange(ACTORS), step]

    def _deal(self, work: Work, step: int | None = None) -> None:
        works = self._turn(self.random.randrange(STEPS) if step is None else step).works
        works.insert(self.random.randint(0, len(works)), work)

    def _act(self, actor: int, start: threading.Barrier, broken: list[BaseException]) -> None:
        try:
            start.wait(30)
            for step in range(STEPS):
                self._take(self.turns[actor, step])
        except BaseException as error:
            broken.append(error)
        finally:
            connection.close()

    def _take(self, turn: Turn) -> None:
        placing.place_all(turn.confirmations)
        for work in turn.works:
            try:
                work()
            except TradingError:
                continue  # there is nothing to cancel or close any more


def close_all(trader: Trader, share: Decimal) -> None:
    """Close this share of all that the trader has open."""
    held = list(Position.objects.filter(trader=trader, status=Position.Status.OPEN))
    positions.close(trader=trader, positions=held, share=share, origin=Origin(chat_id=trader.chat_id))
