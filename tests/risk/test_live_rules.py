"""What an opening with real money needs besides; a DRY one is asked none of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risk.checks import LiveTerms
from tests.risk.cases import ACCOUNT, decide, order

D = Decimal
LIVE = LiveTerms(
    is_switched_on=True,
    is_confirmed=True,
    is_disputed=False,
    is_refused=False,
    is_chain_disputed=False,
    allowance_usd=None,
    delegate_hours_left=D(24),
    max_notional_usd=D(1000),
)


def denied(**changes: Any) -> tuple[str, ...]:
    return decide(account=replace(ACCOUNT, live=replace(LIVE, **changes))).codes


def test_an_opening_that_has_all_of_it_is_approved() -> None:
    assert denied() == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_switched_on": False}, "live_switched_off"),
        ({"delegate_hours_left": None}, "no_delegate"),
        ({"delegate_hours_left": D("23.99")}, "delegate_expires_soon"),
        ({"delegate_hours_left": D(-1)}, "delegate_expires_soon"),
        ({"is_confirmed": False}, "live_not_confirmed"),
        ({"is_disputed": True}, "books_disputed"),
        ({"is_refused": True}, "venue_refuses"),
        ({"is_chain_disputed": True}, "chain_disagrees"),
        ({"allowance_usd": D("100.44")}, "allowance"),
        ({"allowance_usd": D(0)}, "allowance"),
        ({"max_notional_usd": D("999.99")}, "canary"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], code: str) -> None:
    assert denied(**changes) == (code,)


def test_a_dry_opening_is_asked_none_of_it() -> None:
    assert not {check.code for check in decide().checks} & {"canary", "no_delegate", "live_not_confirmed"}


def test_the_canary_says_what_would_pass() -> None:
    decision = decide(order("200"), account=replace(ACCOUNT, live=LIVE))
    assert (decision.codes, decision.max_collateral_usd, decision.max_leverage) == (("canary",), D(100), D(5))
