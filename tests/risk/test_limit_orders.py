"""An order that waits for its price is measured as the position that it would be there, on the mark as it is now."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import NoConsensus
from risk.margin import Side
from tests.risk.cases import ETH, LIMITS, decide, mark, order

D = Decimal
BUYS: dict[str, Any] = {"limit": "2400"}
SELLS: dict[str, Any] = {"side": Side.SHORT, "limit": "3600", "waits_below": False}


def codes(**changes: Any) -> tuple[str, ...]:
    market = changes.pop("market", ETH)
    return decide(order(**changes), market=market).codes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (BUYS, ()),
        (BUYS | {"stop": "2300", "take_profit": "2500"}, ()),
        (BUYS | {"stop": "2500"}, ("stop_wrong_side",)),  # it would do below the mark
        (BUYS | {"stop": "2100"}, ("liquidation_buffer", "stop_beyond_liquidation")),
        (BUYS | {"stop": "2399.9"}, ("stop_too_close",)),
        (BUYS | {"take_profit": "2350"}, ("take_profit_wrong_side",)),
        (BUYS | {"take_profit": "8400", "market": replace(ETH, max_gain_rate=D(25))}, ()),
        (BUYS | {"take_profit": "8400.01", "market": replace(ETH, max_gain_rate=D(25))}, ("take_profit_too_far",)),
        (BUYS | {"stop": "2208", "market": replace(ETH, max_stop_loss_rate=D("0.8"))}, ()),
        (BUYS | {"stop": "2207.99", "market": replace(ETH, max_stop_loss_rate=D("0.8"))}, ("stop_too_far",)),
        (SELLS, ()),
        (SELLS | {"stop": "3700", "take_profit": "3500"}, ()),
        (SELLS | {"stop": "3500"}, ("stop_wrong_side",)),
    ],
)
def test_stops_and_take_profits_are_held_against_the_price_that_is_waited_for(
    changes: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert codes(**changes) == expected


def test_the_worst_loss_is_that_from_its_own_price() -> None:
    """2400 to 2300 is more than 3000 to 2900."""
    decision = decide(order("100", "10", limit="2400", stop="2300"))
    (check,) = [check for check in decision.checks if check.code == "account_risk"]
    assert check.measured is not None
    assert 42 < check.measured < 44


def test_what_is_said_to_pass_passes_at_its_own_price() -> None:
    wish = order("1500", "10", limit="2400")
    denied = decide(wish)
    assert denied.codes == ("account_risk",)
    (denial,) = denied.denials
    assert denial.stop_price is not None
    assert denial.stop_price < 2400
    assert decide(replace(wish, stop_price=denial.stop_price)).approved
    assert denied.max_collateral_usd == 1000
    assert decide(replace(wish, collateral_usd=D(1000))).approved


def test_freshness_and_consensus_are_those_of_the_mark() -> None:
    assert decide(order(**BUYS), mark=mark(age_ms=5001)).codes == ("price_stale",)
    assert decide(order(**BUYS), mark=NoConsensus("vetoed")).codes == ("price_unavailable",)
    assert decide(order(leverage="50", **BUYS), mark=mark(uncertainty="0.01"), limits=LIMITS).codes == (
        "price_uncertain",
    )
