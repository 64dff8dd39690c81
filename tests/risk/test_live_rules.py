"""What an opening with real money needs besides, but for its boundaries: they are in `boundaries_of_live`."""

from dataclasses import replace
from decimal import Decimal

from tests.risk.cases import ACCOUNT, LIVE, decide, order

D = Decimal
REAL = replace(ACCOUNT, live=LIVE)


def test_a_dry_opening_is_asked_none_of_it() -> None:
    dry, live = ({check.code for check in decide(account=account).checks} for account in (ACCOUNT, REAL))
    assert live - dry == {
        *("live_switched_off", "no_delegate", "delegate_expires_soon", "live_not_confirmed"),
        *("books_disputed", "chain_disagrees", "venue_refuses", "canary", "allowance"),
    }
    assert dry < live


def test_what_pending_openings_take_of_the_allowance_is_counted() -> None:
    pending = replace(REAL, reserved_usd=D("0.01"))
    assert decide(account=pending).codes == ("allowance",)


def test_an_allowance_that_nobody_has_read_denies_nothing_and_an_unlimited_one_passes() -> None:
    for allowed in (None, D(2**256 - 1) * D("0.000001")):
        assert decide(account=replace(REAL, live=replace(LIVE, allowance_usd=allowed))).approved


def test_the_canary_says_what_would_pass() -> None:
    decision = decide(order("200"), account=replace(REAL, live=replace(LIVE, allowance_usd=None)))
    assert (decision.codes, decision.max_collateral_usd, decision.max_leverage) == (("canary",), D(100), D(5))


def test_a_cap_that_was_lifted_is_not_asked_about() -> None:
    decision = decide(
        order("200"), account=replace(REAL, live=replace(LIVE, allowance_usd=None, max_notional_usd=None))
    )
    assert decision.approved
    assert "canary" not in {check.code for check in decision.checks}
