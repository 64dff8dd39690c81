"""Probes run at once, and one that hangs holds up nobody: neither the others nor the next report."""

import threading
import time
from collections.abc import Iterator

import pytest

from vanta.health.dependencies import Check
from vanta.health.report import Reporter
from vanta.health.slots import Slots


class Counting(Check):
    """Counts its runs; `gate` holds them up."""

    def __init__(self) -> None:
        self.runs, self.gate = 0, threading.Event()
        self.gate.set()

    def run(self) -> str:
        self.runs += 1
        self.gate.wait(10)
        return "done"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def test_probes_run_at_once() -> None:
    together = threading.Barrier(3, timeout=5)

    outcomes = Slots[int]("test").run(dict.fromkeys("abc", together.wait), timeout_s=5)

    assert sorted(outcome.value for outcome in outcomes.values() if outcome.value is not None) == [0, 1, 2]


def test_one_that_hangs_is_reported_and_the_others_are_not_held_up(gate: threading.Event) -> None:
    started = time.monotonic()

    outcomes = Slots[object]("test").run({"hangs": gate.wait, "answers": lambda: "yes"}, timeout_s=0.1)

    assert time.monotonic() - started < 1
    assert isinstance(outcomes["hangs"].error, TimeoutError)
    assert outcomes["answers"].value == "yes"


def test_while_a_probe_hangs_no_second_one_is_started(gate: threading.Event) -> None:
    slots, runs = Slots[bool]("test"), []

    def hang() -> bool:
        runs.append(1)
        return gate.wait(10)

    for _ in range(5):
        slots.run({"hangs": hang}, timeout_s=0.01)

    assert len(runs) == 1
    gate.set()
    assert slots.run({"hangs": hang}, timeout_s=5)["hangs"].value is True


def test_what_a_probe_raises_is_its_outcome() -> None:
    outcome = Slots[float]("test").run({"divides": lambda: 1 / 0}, timeout_s=5)["divides"]

    assert isinstance(outcome.error, ZeroDivisionError)


def test_reports_are_kept_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    check, now = Counting(), [100.0]
    monkeypatch.setattr("vanta.clock.monotonic", lambda: now[0])
    reporter = Reporter({"counting": check})

    for now[0] in (100.0, 100.5, 100.9, 101.5):
        reporter.report()

    assert check.runs == 2


def test_all_who_ask_while_a_report_is_made_get_that_one() -> None:
    check = Counting()
    check.gate.clear()
    reporter = Reporter({"counting": check})
    reports = []
    askers = [threading.Thread(target=lambda: reports.append(reporter.report())) for _ in range(8)]

    for asker in askers:
        asker.start()
    check.gate.set()
    for asker in askers:
        asker.join(5)

    assert check.runs == 1
    assert len(reports) == 8
