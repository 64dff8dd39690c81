"""What may happen to a whole machine in the middle of an order's path, to whoever is on it: nobody is killed by it.

The process on the path stops (SIGSTOP) at a place of the tape, the drill happens, and it goes on. What its errors are
then is its own affair; what became of the order is judged as ever. Knows no Django: `__main__` deals the cells out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Cell = dict[str, Any]
SCENARIOS = ("open", "close", "LIVE open", "LIVE close")
EVERY = 5  # steps: each drill begins with another one, so that together they are at nearly all
ALWAYS = ("execute-batched", "trading_paperexecution")  # where an order leaves
CLOCK_STEP_S = 30
RESTART_POSTGRES = {
    "wanted": "restart PostgreSQL"
}  # a lane asks whoever runs its servers, and hears the same when done


class Stagehand(Protocol):
    """What a lane does for a drill while the process on the path stands still."""

    def flush_redis(self) -> None:
        """FLUSHALL; the streamer tells prices again before the process goes on."""

    def restart_postgres(self) -> None:
        """Stop the lane's server, with every connection to it, and start it again."""

    def step_clock(self, seconds: int) -> None:
        """So much later from one moment to the next, for everybody and the venue."""

    def let_another_work(self) -> None:
        """A second worker looks for work, until it finds none or waits for what the first holds; then both go on."""


@dataclass(frozen=True, slots=True)
class Drill:
    """`is_an_end`: who walks the path may fail of it, as of a kill; `makes_late`: a draft may be too old after it."""

    happens: Callable[[Stagehand], None]
    is_an_end: bool = False
    makes_late: bool = False


def _step_clock(hand: Stagehand) -> None:
    """All leases are over at once: somebody else looks at what the first is about to do."""
    hand.step_clock(CLOCK_STEP_S)
    hand.let_another_work()


DRILLS = {
    "Redis flushed": Drill(lambda hand: hand.flush_redis()),
    "PostgreSQL restarted": Drill(lambda hand: hand.restart_postgres(), is_an_end=True),
    "clock 30 s forward": Drill(_step_clock, makes_late=True),
    "two workers": Drill(lambda hand: hand.let_another_work()),
}


def cells(recorded: Sequence[Cell]) -> Iterator[Cell]:
    """Before every fifth step of the paths that nothing disturbs, and around the one with which the order leaves."""
    for told in recorded:
        if told["scenario"] not in SCENARIOS:
            continue
        labels: list[str] = told["steps"]
        leaves = [step for step, label in enumerate(labels) if any(name in label for name in ALWAYS)][-1:]
        around = {step + number for step in leaves for number in (0, 1) if step + number < len(labels)}
        for number, name in enumerate(DRILLS):
            for step in sorted(around | set(range(number, len(labels), EVERY))):
                cell = {"scenario": told["scenario"], "step": step, "label": labels[step], "when": "before"}
                yield {**cell, "drill": name}


def by_drill(recorded: Sequence[Cell]) -> list[list[Cell]]:
    """The same, each drill's apart: whatever share is played, every drill has a part in it."""
    known = list(cells(recorded))
    return [[cell for cell in known if cell["drill"] == name] for name in DRILLS]
