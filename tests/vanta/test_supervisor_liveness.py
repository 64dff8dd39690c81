"""A worker that lives but does not answer is restarted; nobody is blamed for a broker that is down."""

import threading
from collections.abc import Sequence

import pytest

from tests.waiting import wait_until
from vanta.supervision.liveness import ASK_EVERY_S, SILENT_FOR_S, Liveness, in_background, node_of

NODES = {"worker-trading": "trading", "worker-feeds": "feeds"}
STARTED = {"worker-trading": 0.0, "worker-feeds": 0.0}
QUESTIONS = int(SILENT_FOR_S // ASK_EVERY_S) + 2


def silent_after(answers: Sequence[set[str] | None], started_at: dict[str, float] = STARTED) -> list[str]:
    """Who is found silent by the last of these answers, asked one after the other."""
    given = iter(answers)
    liveness = Liveness(NODES, lambda: next(given))
    found: list[str] = []
    for n in range(len(answers)):
        found = list(liveness.silent(n * ASK_EVERY_S, started_at=started_at))
    return found


def test_workers_that_answer_are_let_be() -> None:
    assert silent_after([{"trading", "feeds"}] * QUESTIONS) == []


def test_a_worker_that_answered_none_of_several_questions_is_found() -> None:
    assert silent_after([{"trading", "feeds"}] + [{"feeds"}] * QUESTIONS) == ["worker-trading"]


def test_one_answer_among_missed_ones_is_enough() -> None:
    assert silent_after([{"feeds"}, {"feeds"}, {"trading", "feeds"}, {"feeds"}, {"feeds"}]) == []


def test_nobody_is_blamed_while_the_broker_is_down() -> None:
    assert silent_after([None] * QUESTIONS * 2) == []


def test_a_worker_that_is_being_started_or_has_just_been_is_given_time() -> None:
    late = {"worker-trading": (QUESTIONS - 2) * ASK_EVERY_S}

    assert silent_after([{"feeds"}] * QUESTIONS, late) == []
    assert silent_after([set()] * QUESTIONS, {}) == []


def test_questions_are_asked_at_intervals_only() -> None:
    asked: list[str] = []
    liveness = Liveness(NODES, lambda: asked.append("?") or set())  # type: ignore[func-returns-value]
    for now in (0, 0.2, 0.4, ASK_EVERY_S - 0.1):
        liveness.silent(now, started_at=STARTED)

    assert asked == ["?"]


@pytest.mark.parametrize(
    ("command", "node"),
    [
        ("celery -A vanta.celery worker -n trading@%h -Q updates", "trading"),
        ("celery -A vanta.celery beat", None),
        ("celery -A vanta.celery worker -n", None),
        ("python manage.py dispatch", None),
    ],
)
def test_a_workers_node_is_read_from_its_command(command: str, node: str | None) -> None:
    assert node_of(command.split()) == node


def test_a_question_that_hangs_holds_up_nobody_and_no_second_one_is_asked() -> None:
    gate, asked = threading.Event(), []

    def hang() -> set[str]:
        asked.append("?")
        gate.wait(10)
        return {"trading"}

    answer = in_background(hang)
    assert [answer() for _ in range(3)] == [None, None, None]
    gate.set()
    assert wait_until(answer, 5, "the late answer is told") == {"trading"}
    assert len(asked) <= 3


def test_whatever_asking_raises_is_no_answer_and_no_end() -> None:
    def broken() -> set[str]:
        raise ModuleNotFoundError("a requirement is missing")

    answer = in_background(broken)
    assert [answer() for _ in range(20)] == [None] * 20
