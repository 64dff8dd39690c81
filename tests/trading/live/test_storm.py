"""A storm in its short form, and its judge: it finds what it is for. The long one is `python -m tests.crash.storm`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.storm_judge import Told, wrongs

CHECKOUT = Path(__file__).resolve().parents[3]
ORDERS, KILLS = 60, 2
TERMS = ("--orders", str(ORDERS), "--kills", str(KILLS), "--kill-every", "0.6")


@pytest.mark.processes
@pytest.mark.crash
@pytest.mark.timeout(300)
def test_in_a_storm_the_venue_executes_every_nonce_once(tmp_path: Path) -> None:
    out = tmp_path / "storm.json"
    command = [sys.executable, "-m", "tests.crash.storm", *TERMS, "--out", str(out), "--logs", str(tmp_path)]
    ended = subprocess.run(command, cwd=CHECKOUT, timeout=280, check=False, capture_output=True)
    assert out.exists(), ended.stderr[-3000:]
    told = json.loads(out.read_text())
    assert told["wrong"] == []
    assert (told["orders"], told["kills"]) == (ORDERS, KILLS)
    assert told["states"]["FILLED"] > ORDERS / 2
    assert sum(told["faults_hit"].values()) > 0
    assert ended.returncode == 0


def effect(nonce: int) -> dict[str, Any]:
    return {"nonce": str(nonce), "nonceKind": "intent"}


FILLED, EXPIRED = Told(1, "FILLED", "11"), Told(2, "EXPIRED", "12")
CASES: list[tuple[list[Told], list[int], list[int], list[str]]] = [
    ([FILLED, EXPIRED], [11], [], []),
    ([FILLED, Told(2, "REJECTED", "12")], [11], [12], []),
    ([FILLED, Told(3, "DENIED")], [11], [], []),
    ([FILLED], [11, 11], [], ["nonce 11 is in the journal 2 times", "order 1 is FILLED and has 2 effects"]),
    ([FILLED], [11], [11], ["nonce 11 is in the journal 2 times"]),
    ([FILLED], [], [], ["order 1 is FILLED and has 0 effects"]),
    ([EXPIRED], [12], [], ["order 2 is EXPIRED and has 1 effects"]),
    ([FILLED], [11, 99], [], ["nonce 99 is no order's"]),
]


@pytest.mark.parametrize(("told", "effects", "declined", "expected"), CASES)
def test_the_judge(told: list[Told], effects: list[int], declined: list[int], expected: list[str]) -> None:
    journal = {"effects": list(map(effect, effects)), "declined": list(map(effect, declined))}
    assert wrongs(told, journal) == expected


def test_what_the_control_api_did_has_no_nonce_and_is_nobodys() -> None:
    assert wrongs([FILLED], {"effects": [effect(11), {"nonce": None, "nonceKind": "none"}], "declined": []}) == []
