"""Checks run side by side, and none can hang the others, break them, or tell a secret."""

import threading
from typing import NoReturn

import pytest
from django.db import OperationalError
from redis.exceptions import RedisError

from adminpanel.preflight.findings import Colour, Finding, amber, green, red, worst
from adminpanel.preflight.running import Check, run

TOKEN = "123456789:AA" + "x" * 33


def fine() -> Finding:
    return green("All is well.")


def breaks() -> NoReturn:
    raise RuntimeError(f"https://api.telegram.org/bot{TOKEN}/getMe\nand more")


def test_a_check_that_hangs_is_red_by_its_own_end_and_keeps_no_other() -> None:
    never = threading.Event()

    hung, after = run([Check("hangs", lambda: green(str(never.wait(20))), timeout_s=0.05), Check("fine", fine)])
    never.set()

    assert (hung.colour, hung.saw) == (Colour.RED, "No answer within 0.05 s.")
    assert after.colour is Colour.GREEN


def test_a_check_that_breaks_is_red_without_what_is_secret() -> None:
    broken, after = run([Check("breaks", breaks), Check("fine", fine)])

    assert (broken.colour, after.colour) == (Colour.RED, Colour.GREEN)
    assert broken.saw == "RuntimeError: https://api.telegram.org/[redacted]/getMe"


@pytest.mark.parametrize(("error", "do"), [(OperationalError, "See postgresql."), (RedisError, "See redis.")])
def test_a_check_whose_database_is_away_points_at_the_check_that_says_why(error: type[Exception], do: str) -> None:
    def away() -> NoReturn:
        raise error("connection to server failed")

    (found,) = run([Check("away", away)])

    assert (found.colour, found.do) == (Colour.RED, do)


def test_what_changes_something_waits_for_what_only_looks() -> None:
    looked, order = threading.Event(), list[str]()

    def look() -> Finding:
        looked.wait(0.05)
        order.append("look")
        return fine()

    def drill() -> Finding:
        order.append("drill")
        return fine()

    results = run([Check("drill", drill, turn=2), Check("look", look)])

    assert order == ["look", "drill"]
    assert [result.name for result in results] == ["drill", "look"]


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], Colour.GREEN),
        ([green("")], Colour.GREEN),
        ([green(""), amber("", "")], Colour.AMBER),
        ([red("", ""), green(""), amber("", "")], Colour.RED),
    ],
)
def test_the_verdict_is_the_worst_colour(findings: list[Finding], verdict: Colour) -> None:
    assert worst(each.colour for each in findings) is verdict
