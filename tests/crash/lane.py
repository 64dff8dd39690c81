"""One lane: reads cells from its standard input, a line of JSON each, and writes what became of each.

Started by `tests.crash.__main__` with the environment of its own database, Redis databases and sandbox.
"""

import json
import os
import signal
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
from tests.crash.drills import DRILLS, Drill  # noqa: E402
from tests.crash.forks import Child, Ended, Standing  # noqa: E402
from tests.crash.scenarios import SCENARIOS  # noqa: E402
from tests.crash.stagehand import Stagehand  # noqa: E402
from tests.crash.tape import TAPE, Place  # noqa: E402
from tests.crash.times import LaneClock  # noqa: E402
from trading import invariants  # noqa: E402
from trading.models import MarketWatch, Order, OutboxMessage, TelegramUpdate  # noqa: E402
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
    _tell(list(SCENARIOS))
    lane = Lane()
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        place = (asked["step"], asked["when"]) if "step" in asked else None
        told = lane.play(SCENARIOS[asked["scenario"]], Stage(asked["number"]), place, asked.get("drill"))
        _tell({**asked, **told})


def _tell(told: Any) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


class Lane:
    """What a cell leaves behind for the next one: the clock, which only goes forward, and what was broken before."""

    def __init__(self) -> None:
        self._clock = LaneClock()
        self._known: list[str] = []
        self._standing = Standing(BESIDE_THE_PATH)

    def play(self, scenario: Scenario, stage: Stage, place: Place | None, drill: str | None) -> dict[str, Any]:
        """One cell: the `steps` where nothing happens; else whether somebody was `struck`; and what is `wrong` then."""
        _must(self._ask("begin", scenario, stage), "beginning")
        if place is None:
            told = _must(forks.run(lambda: _walk(scenario, stage)), "the path")
            warm.load(told.pop("modules"))
            return {**told, "struck": False, **self._judged(scenario, stage, [])}
        if drill is not None:
            return self._drilled(scenario, stage, place, DRILLS[drill])
        victim = forks.run(lambda: _walk(scenario, stage, place))
        wrong = [f"the path raised {victim.error}"] if victim.error else []
        return {"struck": victim.was_killed, **self._judged(scenario, stage, wrong)}

    def _drilled(self, scenario: Scenario, stage: Stage, place: Place, drill: Drill) -> dict[str, Any]:
        streamer = Child(lambda: acting.stream(scenario.price))
        walker = Child(lambda: _walk(scenario, stage, place, signal.SIGSTOP))
        hand = Stagehand(self._clock, scenario)
        is_struck = walker.stops()
        if is_struck:
            drill.happens(hand)
            walker.go_on()
        ended = [child.end() for child in (walker, *hand.others)]
        streamer.kill()
        streamer.end()
        self._standing.end()  # what it is connected to may have been restarted
        self._standing = Standing(BESIDE_THE_PATH)
        broken = [f"the path raised {each.error or each.signal}" for each in ended if _bad(each)]
        wrong = [] if drill.is_an_end else broken
        return {"struck": is_struck, **self._judged(scenario, stage, wrong, makes_late=drill.makes_late)}

    def _judged(
        self, scenario: Scenario, stage: Stage, wrong: list[str], *, makes_late: bool = False
    ) -> dict[str, Any]:
        """Let survivors work until all has ended, and ask the judge."""
        rounds, left = self._settle(scenario, stage, wrong)
        if left:
            wrong.append(f"never settled: {left}")
        judged = self._ask("judge", scenario, stage, known_breaches=self._known, makes_late=makes_late)
        wrong += [judged.error] if _bad(judged) else judged.answer
        self._known += wrong
        return {"rounds": rounds, "wrong": wrong}

    def _settle(self, scenario: Scenario, stage: Stage, wrong: list[str]) -> tuple[int, list[str]]:
        """Let survivors work, round by round; how many rounds, and what is not at its end after the last."""
        left: list[str] = []
        for number, step_s in enumerate(STEPS_S):
            self._clock.forward(step_s)
            first = scenario.retry if number == 0 else acting.nothing
            works = [_survivor(scenario, stage, act) for act in (first, acting.nothing)]
            ended = forks.run_together(works)
            wrong += [f"a survivor raised {each.error or each.signal}" for each in ended if _bad(each)]
            left = _must(self._ask("unsettled", scenario, stage), "looking")
            if not left:
                return number + 1, []
        return len(STEPS_S), left

    def _ask(self, name: str, scenario: Scenario, stage: Stage, **told: Any) -> Ended:
        """Of who stands beside the path, who is the same one from cell to cell."""
        return self._standing.ask(name, scenario=scenario.name, number=stage.number, **told)


def _bad(ended: Ended) -> bool:
    return bool(ended.error or ended.signal)


def _must(ended: Ended, what: str) -> Any:
    if _bad(ended):
        raise RuntimeError(f"{what} failed: {ended.error or ended.signal}")
    return ended.answer


def _begin(scenario: str, number: int) -> None:
    MarketWatch.objects.all().delete()
    acting.set_price("3000")
    SCENARIOS[scenario].begin(Stage(number))


def _walk(
    scenario: Scenario, stage: Stage, place: Place | None = None, sent: signal.Signals = signal.SIGKILL
) -> dict[str, Any] | None:
    acting.set_price(scenario.price)
    TAPE.start(place, sent)
    scenario.path(stage)
    TAPE.stop()
    if place is not None:
        return None
    return {"steps": TAPE.steps, "pending": TAPE.pending, "code": TAPE.code, "modules": list(sys.modules)}


def _survivor(scenario: Scenario, stage: Stage, act: Callable[[Stage], None]) -> Callable[[], None]:
    def survive() -> None:
        # The clock has jumped, and no candles tell of a time that never was: nothing was missed in it.
        MarketWatch.objects.update(watched_until=clock.now(), behind_since=None, looked_at=None)
        acting.tell_price(scenario.price)
        act(stage)
        acting.work()

    return survive


def _unsettled(scenario: str, number: int) -> list[str]:
    """What is not at its end yet."""
    stage = Stage(number)
    ends = SCENARIOS[scenario].ends
    pending = Order.objects.filter(trader__telegram_id=stage.user_id).exclude(state__in=ends)
    updates = TelegramUpdate.objects.filter(chat_id=stage.user_id, status="new")
    messages = OutboxMessage.objects.filter(chat_id=stage.user_id, status="pending")
    return [
        *(f"order {order.state}" for order in pending),
        *(f"update {update.pk}" for update in updates),
        *(f"message {message.method}" for message in messages),
    ]


def _judge(scenario: str, number: int, known_breaches: Sequence[str], *, makes_late: bool) -> list[str]:
    stage = Stage(number)
    told = [f"{breach.code}: {breach.subject}, {breach.detail}" for breach in invariants.breaches()]
    wrong = [sentence for sentence in told if sentence not in known_breaches]
    if TelegramUpdate.objects.filter(chat_id=stage.user_id, status="failed").exists():
        wrong.append("an update failed")
    if makes_late and scenarios.was_too_late(stage):
        return wrong
    try:
        SCENARIOS[scenario].check(stage)
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    return wrong


BESIDE_THE_PATH: dict[str, Callable[..., Any]] = {"begin": _begin, "unsettled": _unsettled, "judge": _judge}

if __name__ == "__main__":
    main()
