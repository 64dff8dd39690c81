"""Plays one storm with the environment that `tests.crash.storm` gives it."""

import argparse
import datetime as dt
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402  (models can be imported from here on)
from django.db import connection  # noqa: E402
from django.test import override_settings  # noqa: E402

from feeds.models import Market  # noqa: E402
from risk import execution_mode  # noqa: E402
from risk.execution_mode import ExecutionMode  # noqa: E402
from tests.crash import storm_judge  # noqa: E402
from tests.factories import make_order  # noqa: E402
from tests.sandbox.conftest import Sandbox  # noqa: E402
from tests.stack import Stack  # noqa: E402
from tests.trading.live.market import PRICES, fresh_prices, stand_still  # noqa: E402
from tests.trading.live.world import LiveTrader  # noqa: E402
from trading import invariants  # noqa: E402
from trading.models import Attempt, Order  # noqa: E402
from trading.order_state import TERMINAL  # noqa: E402
from trading.services import placing  # noqa: E402
from vanta import clock  # noqa: E402
from vanta.supervision.environment import new_key_encryption_key  # noqa: E402

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "lost_accept", "probability": 0.025},
    {"kind": "drop", "when": "after", "probability": 0.025, "match": "execute-batched"},
    {"kind": "delay_events", "probability": 0.05, "seconds": 8},
    {"kind": "duplicate_events", "probability": 0.02},
)
WORKER = "worker-signing"
READY = " ready."  # what Celery writes once after each start
PLACERS = 4
SETTLED_WITHIN_S = 400
TICK_S = 0.2


def main() -> int:
    asked = _arguments()
    call_command("migrate", verbosity=0)
    execution_mode.change(ExecutionMode.LIVE, actor="storm", reason="a storm")
    keys = {"KEY_ENCRYPTION_KEYS": new_key_encryption_key("storm")}
    with tempfile.TemporaryDirectory() as logs, override_settings(**keys), fresh_prices():
        log_dir = Path(asked.logs or logs)
        log_dir.mkdir(parents=True, exist_ok=True)
        with Stack("sandbox", "dispatcher", WORKER, log_dir=log_dir, environment=keys) as stack:
            told = play(stack, asked)
    Path(asked.out).parent.mkdir(parents=True, exist_ok=True)
    Path(asked.out).write_text(json.dumps(told, indent=1))
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 1 if told["wrong"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.storm", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--kill-every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--kills", type=int, default=20, help="then the worker is left alone")
    parser.add_argument("--out", default=".bench/storm.json")
    parser.add_argument("--logs", default="", help="keep the processes' logs here")
    return parser.parse_args()


def play(stack: Stack, asked: argparse.Namespace) -> dict[str, Any]:
    """The storm until every order has ended, and what became of it."""
    venue = Sandbox(stack.sandbox_url, stack.pid("sandbox"))
    markets = stand_still(venue)
    traders = [LiveTrader(venue) for _ in range(-(-asked.orders // len(markets)))]
    drafts = [_draft(trader, market) for trader in traders for market in markets][: asked.orders]
    for fault in FAULTS:
        venue.post("/control/faults", service="batched-market", **fault).raise_for_status()
    began = time.monotonic()
    placers = threading.Thread(target=_place_all, args=(drafts,))
    placers.start()
    kills = _outlast(stack, asked, [order.pk for order in drafts])
    placers.join()
    seconds = time.monotonic() - began
    faults = {fault["kind"]: fault["hits"] for fault in venue.get("/control/state").json()["faults"]}
    told = _judge(venue, traders, drafts)
    return {"orders": len(drafts), "kills": kills, "seconds": round(seconds, 1), "faults_hit": faults, **told}


def _draft(trader: LiveTrader, market: Market) -> Order:
    valid_until = clock.now() + dt.timedelta(minutes=10)
    quoted_price = PRICES[market.symbol]
    return make_order(
        trader=trader.trader, market=market, mode="LIVE", quoted_price=quoted_price, valid_until=valid_until
    )


def _place_all(drafts: Sequence[Order]) -> None:
    """Every trader says the second yes, four at a time."""

    def place(orders: Sequence[Order]) -> None:
        for order in orders:
            placing.place(trader=order.trader, order_id=order.pk, is_live_confirmed=True)
        connection.close()

    with ThreadPoolExecutor(PLACERS) as threads:
        list(threads.map(place, [drafts[number::PLACERS] for number in range(PLACERS)]))


def _outlast(stack: Stack, asked: argparse.Namespace, ids: Sequence[int]) -> int:
    """Kill the worker, and start it again, until every order has ended or too much time has passed; how often.

    It gets its seconds from when it is ready: on a busy machine it would be killed before it has done anything.
    """
    pause, kills, at_work_s = threading.Event(), 0, 0.0
    began = time.monotonic()
    waiting = Order.objects.filter(pk__in=ids).exclude(state__in=TERMINAL)
    while waiting.exists() and time.monotonic() - began < SETTLED_WITHIN_S:
        pause.wait(TICK_S)
        at_work_s += TICK_S if stack.log(WORKER).count(READY) > kills else 0
        if kills < asked.kills and at_work_s >= asked.kill_every:
            stack.kill(WORKER)
            stack.launch(WORKER)
            kills, at_work_s = kills + 1, 0.0
    return kills


def _judge(venue: Sandbox, traders: Sequence[LiveTrader], drafts: Sequence[Order]) -> dict[str, Any]:
    orders = list(Order.objects.filter(pk__in=[order.pk for order in drafts]).select_related("intent"))
    told = [storm_judge.Told(o.pk, o.state, o.intent.nonce if hasattr(o, "intent") else "") for o in orders]
    wrong = storm_judge.wrongs(told, venue.get("/control/venue/journal").json())
    wrong += [f"order {order.pk} never ended: {order.state}" for order in orders if order.state not in TERMINAL]
    wrong += [f"{breach.code}: {breach.subject}, {breach.detail}" for breach in invariants.breaches()]
    wrong += [
        f"{each.wallet} has {each.balance}, booked {each.booked}" for each in traders if each.booked != each.balance
    ]
    ids = [order.pk for order in orders]
    attempts = Attempt.objects.filter(intent__order__in=ids)
    return {
        "states": dict(Counter(order.state for order in orders)),
        "reasons": dict(Counter(order.reason for order in orders if order.reason)),
        "attempts": attempts.count(),
        "sent_again": attempts.filter(number__gt=1).count(),
        "were_unknown": Order.objects.filter(pk__in=ids, events__to_state="UNKNOWN").distinct().count(),
        "left_unknown": sum(order.state == "UNKNOWN" for order in orders),
        "wrong": wrong,
    }


if __name__ == "__main__":
    sys.exit(main())
