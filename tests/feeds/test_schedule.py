"""What beat wakes, and that it cannot pile up."""

import os
import subprocess
import sys
from typing import Any

import pytest
from celery import Task

from feeds import tasks
from feeds.schedule import BEAT_SCHEDULE
from feeds.sources import SOURCES

# What a price waits for shares no queue with what may take its time.
PRICES = {tasks.poll_source.name, tasks.keep_marks.name}


@pytest.mark.parametrize("name", sorted(BEAT_SCHEDULE))
def test_every_entry_names_a_task_and_discards_ticks_that_piled_up(name: str) -> None:
    entry: dict[str, Any] = BEAT_SCHEDULE[name]
    assert entry["task"] in {task.name for task in vars(tasks).values() if isinstance(task, Task)}
    assert entry["options"]["expires"] == entry["schedule"]
    assert entry["options"]["queue"] == ("feeds" if entry["task"] in PRICES else "maintenance")


def test_every_source_is_polled_by_an_entry_of_its_own() -> None:
    polled = [entry["args"] for entry in BEAT_SCHEDULE.values() if entry["task"] == tasks.poll_source.name]
    assert sorted(polled) == [(name,) for name in sorted(SOURCES)]


def test_reading_prices_loads_no_source_and_no_sdk() -> None:
    script = (
        "import django, sys; django.setup(); import feeds.selectors, feeds.services, feeds.tasks; "
        "print([name for name in ('veranta_sdk', 'web3', 'httpx') if name in sys.modules])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "vanta.settings")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
