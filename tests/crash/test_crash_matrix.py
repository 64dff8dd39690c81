"""A share of the crash matrix with every test run, and the matrix itself: it finds what it is for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash import report
from tests.crash.drills import DRILLS, cells

CHECKOUT = Path(__file__).resolve().parents[2]
SHARE = 50
SHORT = ("open", "stop", "LIVE open", "LIVE open, accept lost", "LIVE close", "LIVE stops, answer lost")
LIMIT_S = 300

pytestmark = [pytest.mark.processes, pytest.mark.crash, pytest.mark.timeout(LIMIT_S + 10)]


def played(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    out = tmp_path / "matrix.json"
    command = [sys.executable, "-m", "tests.crash", "--out", str(out), "--logs", str(tmp_path), *arguments]
    ended = subprocess.run(command, cwd=CHECKOUT, timeout=LIMIT_S, check=False)
    told: dict[str, Any] = json.loads(out.read_text())
    return ended.returncode, told


def test_whoever_is_killed_wherever_an_order_is_executed_once(tmp_path: Path) -> None:
    code, told = played(tmp_path, "--share", str(SHARE), "--scenarios", *SHORT)
    assert told["wrong"] == []
    assert told["struck"] > 0
    assert code == 0
    drilled = {drill for drill in DRILLS for row, counts in told["rows"].items() if drill in row and counts["struck"]}
    assert drilled == set(DRILLS)


def test_a_cell_that_is_not_as_it_must_be_is_shown_with_its_place() -> None:
    recorded = [{"scenario": "open", "steps": ["COMMIT"], "wrong": [], "rounds": 1, "struck": False}]
    cell = {
        "scenario": "open",
        "step": 0,
        "label": "COMMIT",
        "when": "after",
        "struck": True,
        "rounds": 7,
        "seconds": 1.5,
    }
    told = report.matrix(recorded, [{**cell, "wrong": ["never settled: order UNKNOWN"]}], seconds=1)
    assert told["rows"]["open"] == {
        "steps": 1,
        "cells": 1,
        "represented": 0,
        "struck": 1,
        "wrong": 1,
        "most_rounds": 7,
        "seconds": 2,
    }
    assert "open, after step 0 (COMMIT):\n      never settled: order UNKNOWN" in report.text(told)


def test_a_drill_is_a_row_of_its_own() -> None:
    recorded = [{"scenario": "open", "steps": ["COMMIT"] * 7, "wrong": [], "rounds": 1, "struck": False}]
    played = [{**cell, "struck": True, "rounds": 1, "wrong": [], "seconds": 1} for cell in cells(recorded)]
    told = report.matrix(recorded, played, seconds=1)
    assert {row: counts["cells"] for row, counts in told["rows"].items()} == {
        "open": 0,
        "open: Redis flushed": 2,
        "open: PostgreSQL restarted": 2,
        "open: clock 30 s forward": 1,
        "open: two workers": 1,
    }


def test_each_drill_is_at_the_place_where_an_order_leaves() -> None:
    steps = ["COMMIT"] * 8 + ["POST /veranta/batched-market/market/execute-batched", "UPDATE trading_attempt"]
    placed = [(cell["drill"], cell["step"]) for cell in cells([{"scenario": "LIVE close", "steps": steps}])]
    assert {(drill, step) for drill in DRILLS for step in (8, 9)} <= set(placed)
