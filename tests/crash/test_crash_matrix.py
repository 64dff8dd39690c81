"""A share of the crash matrix with every test run, and the matrix itself: it finds what it is for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash import report

CHECKOUT = Path(__file__).resolve().parents[2]
SHARE = 30
SHORT = ("open", "stop", "LIVE open", "LIVE open, accept lost", "LIVE close")
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
    assert told["killed"] > 0
    assert code == 0


def test_a_cell_that_is_not_as_it_must_be_is_shown_with_its_place() -> None:
    recorded = [{"scenario": "open", "steps": ["COMMIT"], "wrong": [], "rounds": 1, "killed": False}]
    cell = {"scenario": "open", "step": 0, "label": "COMMIT", "when": "after", "killed": True, "rounds": 7}
    told = report.matrix(recorded, [{**cell, "wrong": ["never settled: order UNKNOWN"]}], seconds=1)
    assert told["scenarios"]["open"] == {"steps": 1, "cells": 1, "killed": 1, "wrong": 1, "most_rounds": 7}
    assert "open, after step 0 (COMMIT):\n      never settled: order UNKNOWN" in report.text(told)
