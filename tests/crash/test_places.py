"""Which places of a path are cells, and which stand for others."""

from typing import Any

import pytest

from tests.crash import report
from tests.crash.places import cells, playing_order

LEAVES = "POST /veranta/batched-market/market/execute-batched"
LOOP = ("UPDATE trading_order*", "COMMIT", "POST /rpc", "POST /rpc")


def recorded(*steps: str, scenario: str = "LIVE open, accept lost") -> dict[str, Any]:
    """A path; what ends with a star is pending in a transaction."""
    labels = [step.removesuffix("*") for step in steps]
    pending = [step.endswith("*") for step in steps]
    return {"scenario": scenario, "steps": labels, "pending": pending, "code": ["trading/execution.py:1"] * len(steps)}


def chosen(told: dict[str, Any]) -> dict[int, int]:
    """How many others stand behind the cells before steps, by step."""
    return {cell["step"]: cell["represents"] for cell in cells(told) if cell["when"] == "before"}


def test_every_step_of_a_path_that_nothing_disturbs_is_a_cell() -> None:
    told = recorded("INSERT trading_order*", "COMMIT", LEAVES, *LOOP * 9, scenario="LIVE open")
    assert chosen(told) == dict.fromkeys(range(len(told["steps"])), 0)


def test_there_is_a_cell_after_the_last_step() -> None:
    assert [cell["step"] for cell in cells(recorded(LEAVES, "COMMIT")) if cell["when"] == "after"] == [1]


def test_under_a_fault_cells_begin_where_the_order_first_leaves() -> None:
    told = recorded("COMMIT", LEAVES, "COMMIT", LEAVES, "GET /veranta/blitz/relays/…", "COMMIT")
    assert list(chosen(told)) == [1, 2, 3, 4, 5]


def test_asking_a_relayer_is_not_how_an_order_leaves() -> None:
    told = recorded("GET /veranta/blitz/relays/…", "POST /veranta/blitz/relays", "COMMIT")
    assert list(chosen(told)) == [1, 2]


def test_what_is_pending_is_represented_by_what_ends_its_transaction() -> None:
    told = recorded(LEAVES, "UPDATE trading_order*", "INSERT trading_orderevent*", "COMMIT", "redis SET")
    assert chosen(told) == {0: 0, 3: 2, 4: 0}


def test_writes_without_a_transaction_are_cells_each() -> None:
    told = recorded(LEAVES, "UPDATE trading_order", "INSERT trading_orderevent", "redis SET")
    assert chosen(told) == dict.fromkeys(range(4), 0)


def test_a_request_inside_a_transaction_is_a_cell() -> None:
    told = recorded(LEAVES, "UPDATE trading_order*", "POST /rpc", "UPDATE trading_order*", "COMMIT")
    assert chosen(told) == {0: 0, 2: 1, 4: 1}


def test_of_a_loop_the_first_the_middle_and_the_last_time_are_cells() -> None:
    told = recorded(LEAVES, *LOOP * 9, "redis SET")
    first, middle, last = 1, 1 + 4 * 4, 1 + 4 * 8
    assert chosen(told) == {
        0: 0,
        37: 0,
        first + 1: 1,
        first + 2: 0,
        first + 3: 0,
        middle + 1: 7 + 6,
        middle + 2: 6,
        middle + 3: 6,
        last + 1: 1,
        last + 2: 0,
        last + 3: 0,
    }


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_repeated_three_times_is_no_loop(times: int) -> None:
    told = recorded(LEAVES, *("POST /rpc", "COMMIT") * times)
    assert list(chosen(told)) == list(range(1 + 2 * times))


def test_the_same_statement_elsewhere_in_the_code_is_another_step() -> None:
    told = recorded(LEAVES, *("POST /rpc",) * 8)
    told["code"] = [f"trading/execution.py:{number}" for number in range(9)]
    assert list(chosen(told)) == list(range(9))


def test_every_step_is_a_cell_or_represented_once() -> None:
    told = recorded(LEAVES, *LOOP * 12, "INSERT trading_venueevent*", "COMMIT", *LOOP * 5)
    assert sum(1 + others for others in chosen(told).values()) == len(told["steps"])


def test_live_rows_are_played_in_turn_after_those_on_paper() -> None:
    rows = ["LIVE open"] * 40 + ["open"] * 3 + ["LIVE margin added, nothing applied"] * 40
    order = playing_order([{"scenario": row} for row in rows])
    assert sorted(order) == list(range(len(rows)))
    assert order[:3] == [40, 41, 42]
    assert {rows[number] for number in order[3:9]} == {"LIVE open", "LIVE margin added, nothing applied"}


def test_the_report_tells_what_was_represented_and_what_was_not_struck() -> None:
    told = recorded(LEAVES, "UPDATE trading_order*", "COMMIT") | {"wrong": [], "rounds": 1, "struck": False}
    played = [{**cell, "struck": cell["step"] != 2, "rounds": 1, "wrong": [], "seconds": 1} for cell in cells(told)]
    matrix = report.matrix([told], played, seconds=3)
    assert {name: matrix[name] for name in ("steps", "cells", "represented", "struck")} == {
        "steps": 3,
        "cells": 3,
        "represented": 1,
        "struck": 1,
    }
    assert [cell["when"] for cell in matrix["unreached"]] == ["before", "after"]
    assert "3 steps; 3 cells, which represent 1 others; 1 struck, 2 not, 0 wrong" in report.text(matrix)
    assert "LIVE open, accept lost, before step 2 (COMMIT): not struck" in report.text(matrix)
