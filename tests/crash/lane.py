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
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from tests.crash import acting, forks, scenarios, tape, warm  # noqa: E402
from tests.crash.acting import Scenario, Stage  # noqa: E402
from tests.crash.forks import Ended  # noqa: E402
from tests.crash.scenarios import SCENARIOS  # noqa: E402
from tests.crash.tape import TAPE, Place  # noqa: E402
from tests.crash.times import LaneClock  # noqa: E402
from trading import invariants  # noqa: E402
from trading.models import MarketWatch, Order, OutboxMessage, TelegramUpdate  # noqa: E402
from trading.order_state import TERMINAL  # noqa: E402
from vanta import clock  # noqa: E402

# How far the clock goes before each round of survivors: past the leases of who was killed, then past every deadline,
# and in all until 60 s beyond the deadline of a message: by then everything has ended.
STEPS_S = (0, 7, 7, 17, 30, 7, settings.INTENT_VALID_S - 8)


def main() -> None:
    tape.install(settings.DATABASES["default"].setdefault("OPTIONS", {}))
    connections["default"].settings_dict["OPTIONS"] = settings.DATABASES["default"]["OPTIONS"]
    warm.share_certificates()
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()
    _must(forks.run(scenarios.prepare), "preparing")
    sys.stdout.write(json.dumps(list(SCENARIOS)) + "\n")
    sys.stdout.flush()
    lane = Lane()
    for line in sys.stdin:
        asked = json.loads(line)
        place = (asked["step"], asked["when"]) if "step" in asked else None
        told = lane.play(SCENARIOS[asked["scenario"]], Stage(asked["number"]), place)
        sys.stdout.write(json.dumps({**asked, **told}) + "\n")
        sys.stdout.flush()


class Lane:
    """What a cell leaves behind for the next one: the clock, which only goes forward, and what was broken before."""

    def __init__(self) -> None:
        self._clock = LaneClock()
        self._known: list[str] = []

    def play(self, scenario: Scenario, stage: Stage, place: Place | None) -> dict[str, Any]:
        """One cell: `steps` where nobody is killed; else `killed`, whether one was, and what is `wrong` in the end."""
        _must(forks.run(lambda: _begin(scenario, stage)), "beginning")
        victim = forks.run(lambda: _walk(scenario, stage, place))
        walked = {"steps": None, **(victim.answer or {})}
        if place is None:
            warm.load(_must(victim, "the path")["modules"])
        wrong = [] if victim.was_killed or not victim.error else [f"the path raised {victim.error}"]
        rounds, left = self._settle(scenario, stage, wrong)
        if left:
            wrong.append(f"never settled: {left}")
        judged = forks.run(lambda: _judge(scenario, stage, self._known))
        wrong += [judged.error] if _bad(judged) else judged.answer
        self._known += wrong
        return {"steps": walked["steps"], "killed": victim.was_killed, "rounds": rounds, "wrong": wrong}

    def _settle(self, scenario: Scenario, stage: Stage, wrong: list[str]) -> tuple[int, list[str]]:
        """Let survivors work, round by round; how many rounds, and what is not at its end after the last."""
        left: list[str] = []
        for number, step_s in enumerate(STEPS_S):
            self._clock.forward(step_s)
            first = scenario.retry if number == 0 else acting.nothing
            works = [_survivor(scenario, stage, act) for act in (first, acting.nothing)]
            ended = forks.run_together(works)
            wrong += [f"a survivor raised {each.error or each.signal}" for each in ended if _bad(each)]
            left = _must(forks.run(lambda: _unsettled(stage)), "looking")
            if not left:
                return number + 1, []
        return len(STEPS_S), left


def _bad(ended: Ended) -> bool:
    return bool(ended.error or ended.signal)


def _must(ended: Ended, what: str) -> Any:
    if _bad(ended):
        raise RuntimeError(f"{what} failed: {ended.error or ended.signal}")
    return ended.answer


def _begin(scenario: Scenario, stage: Stage) -> None:
    MarketWatch.objects.all().delete()
    acting.set_price("3000")
    scenario.begin(stage)


def _walk(scenario: Scenario, stage: Stage, place: Place | None) -> dict[str, list[str]]:
    acting.set_price(scenario.price)
    TAPE.start(place)
    scenario.path(stage)
    TAPE.stop()
    return {"steps": TAPE.steps, "modules": list(sys.modules)}


def _survivor(scenario: Scenario, stage: Stage, act: Callable[[Stage], None]) -> Callable[[], None]:
    def survive() -> None:
        # The clock has jumped, and no candles tell of a time that never was: nothing was missed in it.
        MarketWatch.objects.update(watched_until=clock.now(), behind_since=None, looked_at=None)
        acting.set_price(scenario.price)
        act(stage)
        acting.work()

    return survive


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
