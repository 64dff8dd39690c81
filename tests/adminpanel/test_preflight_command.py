"""A run is shown, stored, and opens LIVE only where it was whole, is young, and has no red."""

import datetime as dt
import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from adminpanel.models import PreflightRun
from adminpanel.preflight import runs
from adminpanel.preflight.checks import DRILL, checks
from adminpanel.preflight.findings import Finding, amber, green, red
from adminpanel.preflight.gate import live_blockers
from adminpanel.preflight.running import Check
from adminpanel.preflight.table import lines
from vanta import clock

pytestmark = pytest.mark.django_db
GREEN, AMBER, RED = green("In step."), amber("Nearly full.", "Make room."), red("Away.", "Start it.")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    """What the checks of this name will find."""
    findings = {"clock": GREEN, "redis": GREEN}

    def these(*, is_drill_forced: bool = False) -> Sequence[Check]:
        return [Check(name, lambda name=name: findings[name]) for name in findings]  # type: ignore[misc]

    monkeypatch.setattr(runs, "checks", these)
    return findings


def preflight(*arguments: str) -> tuple[int, str]:
    """Exit status and what was written."""
    out = StringIO()
    try:
        call_command("preflight", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize(
    ("finding", "status", "strict"), [(GREEN, 0, 0), (AMBER, 0, 1), (RED, 1, 1)], ids=["green", "amber", "red"]
)
def test_red_fails_and_amber_only_where_asked(
    found: dict[str, Finding], finding: Finding, status: int, strict: int
) -> None:
    found["redis"] = finding

    assert preflight()[0] == status
    assert preflight("--strict")[0] == strict
    assert PreflightRun.objects.filter(verdict=finding.colour, is_complete=True).count() == 2


def test_the_table_says_what_was_seen_and_what_to_do(found: dict[str, Finding]) -> None:
    found["redis"] = RED

    _, told = preflight()

    assert "red    redis  Away." in told
    assert "→ Start it." in told
    assert "RED: 1 green, 1 red, in " in told
    assert "\x1b[" not in told
    run = PreflightRun.objects.get()
    assert "\x1b[31mred  \x1b[0m  redis" in "\n".join(lines(run, is_coloured=True))


def test_programs_get_json(found: dict[str, Finding]) -> None:
    told: dict[str, Any] = json.loads(preflight("--json")[1])

    assert (told["verdict"], told["is_complete"]) == ("green", True)
    assert [check["name"] for check in told["checks"]] == ["clock", "redis"]
    assert told["checks"][0]["saw"] == "In step."


def test_some_checks_by_name_are_no_whole_run(found: dict[str, Finding]) -> None:
    _, told = preflight("--only", "clock")

    assert "redis" not in told
    assert "not a whole run" in told
    assert live_blockers() == ["Preflight was never run whole: run manage.py preflight."]
    with pytest.raises(CommandError, match="There are these checks: clock, redis"):
        preflight("--only", "nonsense")


def test_without_a_database_what_was_found_is_still_shown(
    found: dict[str, Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(PreflightRun, "save", away)
    found["redis"] = RED

    status, told = preflight()

    assert status == 1
    assert "Start it." in told
    assert "not stored" in told


def test_live_is_blocked_by_red_by_age_and_by_nothing_else(found: dict[str, Finding]) -> None:
    found["redis"] = AMBER
    preflight()
    assert live_blockers() == []

    with time_machine.travel(clock.now() + dt.timedelta(minutes=61)):
        assert "older than an hour" in live_blockers()[0]

    found["redis"] = RED
    preflight()
    assert live_blockers() == ["Preflight is red on redis: Away."]
    found["redis"] = GREEN
    preflight("--only", "redis")
    assert len(live_blockers()) == 1  # one check alone mends nothing
    preflight()
    assert live_blockers() == []


def test_a_run_is_shown_in_the_admin(found: dict[str, Finding], admin_client: Client) -> None:
    found["redis"] = RED
    preflight()
    run = PreflightRun.objects.get()

    listed = admin_client.get(reverse("admin:adminpanel_preflightrun_changelist")).content.decode()
    shown = admin_client.get(reverse("admin:adminpanel_preflightrun_change", args=[run.pk])).content.decode()

    assert "1 green, 1 red" in listed
    for words in ("Away.", "Start it.", "In step.", "shell:"):
        assert words in shown


def test_every_check_has_a_name_of_its_own_and_an_end() -> None:
    names = [check.name for check in checks()]

    assert len(set(names)) == len(names) == 20
    assert all(0 < check.timeout_s <= 120 for check in checks())
    assert [check.name for check in checks() if check.turn > 1] == [DRILL]
