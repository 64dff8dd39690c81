"""One lane: reads cells from its standard input, a line of JSON each, and writes what became of each.

Started by `tests.crash.__main__` with the environment of its own database, Redis databases and sandbox.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vanta.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from tests.crash import forks, scenarios, tape  # noqa: E402
from tests.crash.forks import Ended  # noqa: E402
from tests.crash.scenarios import SCENARIOS, Scenario, Stage  # noqa: E402
from tests.crash.tape import TAPE, Place  # noqa: E402
from trading import invariants  # noqa: E402
from trading.models import Order, OutboxMessage, TelegramUpdate  # noqa: E402
from trading.order_state import TERMINAL  # noqa: E402
from vanta import clock  # noqa: E402

WORKERS = 2
# How far the clock has gone at each round of survivors: past the leases of who was killed, then past every deadline.
ROUNDS_S = (0, 7, 14, 31, 61, 68, 130)


def main() -> None:
    tape.install(settings.DATABASES["default"].setdefault("OPTIONS", {}))
    connections["default"].settings_dict["OPTIONS"] = settings.DATABASES["default"]["OPTIONS"]
    _must(forks.run(scenarios.prepare), "preparing")
    known_breaches: list[str] = []  # an earlier cell's are not this one's
    for line in sys.stdin:
        asked = json.loads(line)
        place = (asked["step"], asked["when"]) if "step" in asked else None
        told = play(SCENARIOS[asked["scenario"]], Stage(asked["number"]), place, known_breaches)
        sys.stdout.write(json.dumps({**asked, **told}) + "\n")
        sys.stdout.flush()


def play(scenario: Scenario, stage: Stage, place: Place | None, known_breaches: list[str]) -> dict[str, Any]:
    """One cell: `steps` where nobody is to be killed; else `killed`, whether it was, and what is `wrong` in the end."""
    _must(forks.run(lambda: _begin(scenario, stage)), "beginning")
    victim = forks.run(lambda: _walk(scenario, stage, place))
    if place is None:
        _must(victim, "the path")
    wrong = [] if victim.was_killed or not victim.error else [f"the path raised {victim.error}"]
    rounds = 0
    for offset_s in ROUNDS_S:
        rounds += 1
        first = scenario.retry if offset_s == 0 else None
        works = [_survivor(scenario, stage, offset_s, first if number == 0 else None) for number in range(WORKERS)]
        wrong += [
            f"a survivor raised {ended.error or ended.signal}" for ended in forks.run_together(works) if _bad(ended)
        ]
        left = _must(forks.run(lambda: _unsettled(stage)), "looking")
        if not left:
            break
    else:
        wrong.append(f"never settled: {left}")
    judged = forks.run(lambda: _judge(scenario, stage, known_breaches))
    wrong += [judged.error] if _bad(judged) else judged.answer
    known_breaches += wrong
    return {"steps": victim.answer, "killed": victim.was_killed, "rounds": rounds, "wrong": wrong}


def _bad(ended: Ended) -> bool:
    return bool(ended.error or ended.signal)


def _must(ended: Ended, what: str) -> Any:
    if _bad(ended):
        raise RuntimeError(f"{what} failed: {ended.error or ended.signal}")
    return ended.answer


def _begin(scenario: Scenario, stage: Stage) -> None:
    scenarios.set_price("3000")
    scenario.begin(stage)


def _walk(scenario: Scenario, stage: Stage, place: Place | None) -> list[str]:
    scenarios.set_price(scenario.price)
    TAPE.start(place)
    scenario.path(stage)
    TAPE.stop()
    return TAPE.steps


def _survivor(
    scenario: Scenario, stage: Stage, offset_s: int, first: Callable[[Stage], None] | None
) -> Callable[[], None]:
    def survive() -> None:
        _shift_clock(offset_s)
        scenarios.set_price(scenario.price)
        if first is not None:
            first(stage)
        scenarios.work()

    return survive


def _shift_clock(offset_s: int) -> None:
    now, now_ms = clock.now, clock.now_ms
    clock.now = lambda: now() + scenarios.seconds(offset_s)
    clock.now_ms = lambda: now_ms() + 1000 * offset_s


def _unsettled(stage: Stage) -> list[str]:
    """What is not at its end yet."""
    pending = Order.objects.filter(trader__telegram_id=stage.user_id).exclude(state__in=TERMINAL)
    updates = TelegramUpdate.objects.filter(chat_id=stage.user_id, status="new")
    messages = OutboxMessage.objects.filter(chat_id=stage.user_id, status="pending")
    return [
        *(f"order {order.state}" for order in pending),
        *(f"update {update.pk}" for update in updates),
        *(f"message {message.method}" for message in messages),
    ]


def _judge(scenario: Scenario, stage: Stage, known_breaches: Sequence[str]) -> list[str]:
    told = [f"{breach.code}: {breach.subject}, {breach.detail}" for breach in invariants.breaches()]
    wrong = [sentence for sentence in told if sentence not in known_breaches]
    if TelegramUpdate.objects.filter(chat_id=stage.user_id, status="failed").exists():
        wrong.append("an update failed")
    try:
        scenario.check(stage)
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    return wrong


if __name__ == "__main__":
    main()
