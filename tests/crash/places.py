"""Which places of a path are cells, and for how many others each of them stands. Pure; knows no Django.

Of a path that nothing disturbs every step is a cell. Of one with a fault those from the request on with which the order
first leaves: before, it is the path without it. Of those, one stands for others where a kill leaves the same behind:

- inside a transaction, the step that ends it: what a transaction has written is gone with whoever wrote it, so that
  a kill before any write of it leaves what a kill before its commit does. Whether a write is inside one, the tape
  knows by the connection: a transaction that is taken out of the code has cells for each of its writes again;
- where the same steps are repeated, four times or more without a break, the first, the middle and the last time: a
  loop that asks and finds nothing new.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Cell = dict[str, Any]
Step = tuple[str, bool, str]  # its label, whether what it writes is pending in a transaction, and where in the code
LEAVES = ("execute-batched", "price-triggers", "/relays")
LOOPS_FROM = 4  # times in a row
LONGEST_LOOP = 40  # steps
MIXED = 16


@dataclass(frozen=True, slots=True)
class Loop:
    """`times` times the same `length` steps, from `begin` on."""

    begin: int
    length: int
    times: int

    @property
    def end(self) -> int:
        return self.begin + self.length * self.times

    def stands_for(self, step: int) -> int:
        """The step, of the first, the middle or the last time, that shows what this one would."""
        time, place = divmod(step - self.begin, self.length)
        middle, last = self.times // 2, self.times - 1
        shown = time if time in (0, middle, last) else middle
        return self.begin + shown * self.length + place


def cells(told: Cell) -> Iterator[Cell]:
    """The cells of a recorded path; `represents` is how many others each stands for.

    A cell is before a step, and one after the last: just after a step is just before the next one.
    """
    labels: list[str] = told["steps"]
    before = {"scenario": told["scenario"], "when": "before"}
    if "," in told["scenario"]:
        steps = list(zip(labels, told["pending"], told["code"], strict=True))
        begin = _first_leaving(labels)
        chosen = {begin + step: others for step, others in _represented(steps[begin:]).items()}
    else:
        chosen = dict.fromkeys(range(len(labels)), 0)
    for step, others in sorted(chosen.items()):
        yield {**before, "step": step, "label": labels[step], "represents": others}
    yield {**before, "when": "after", "step": len(labels) - 1, "label": labels[-1], "represents": 0}


def playing_order(cells: Sequence[Cell]) -> list[int]:
    """Their numbers as they are played: LIVE ones of all rows in turn, lest all lanes wait for the venue at once.

    Those on paper first, row by row: they share a guardian, and the price of one row crosses the stops of others.
    """
    live = [number for number, cell in enumerate(cells) if cell["scenario"].startswith("LIVE")]
    paper = [number for number, cell in enumerate(cells) if not cell["scenario"].startswith("LIVE")]
    return paper + [number for first in range(MIXED) for number in live[first::MIXED]]


def _first_leaving(labels: Sequence[str]) -> int:
    sent = (step for step, label in enumerate(labels) if not label.startswith("GET ") and _leaves(label))
    return next(sent, 0)


def _leaves(label: str) -> bool:
    return any(path in label for path in LEAVES)


def _represented(steps: Sequence[Step]) -> dict[int, int]:
    """The steps that are cells, with the number of others that each stands for."""
    loops = list(_loops(steps))
    chosen: dict[int, int] = {}
    for step in range(len(steps)):
        shown = _in_loop(loops, _end_of_transaction(steps, step))
        chosen[shown] = chosen.get(shown, -1) + 1
    return chosen


def _end_of_transaction(steps: Sequence[Step], step: int) -> int:
    """The first step from this one on that outlives a kill; the last where none does."""
    return next((later for later in range(step, len(steps)) if not steps[later][1]), len(steps) - 1)


def _in_loop(loops: Sequence[Loop], step: int) -> int:
    """The step that shows what this one would: itself, unless it is repeated."""
    return next((loop.stands_for(step) for loop in loops if loop.begin <= step < loop.end), step)


def _loops(steps: Sequence[Step]) -> Iterator[Loop]:
    """From the left, at each place what covers the most steps."""
    step = 0
    while step < len(steps):
        found = [loop for length in range(1, LONGEST_LOOP + 1) if (loop := _loop(steps, step, length))]
        if found:
            longest = max(found, key=lambda loop: loop.end)
            yield longest
            step = longest.end
        else:
            step += 1


def _loop(steps: Sequence[Step], begin: int, length: int) -> Loop | None:
    times = 1
    first = steps[begin : begin + length]
    while steps[begin + times * length : begin + (times + 1) * length] == first:
        times += 1
    return Loop(begin, length, times) if times >= LOOPS_FROM else None
