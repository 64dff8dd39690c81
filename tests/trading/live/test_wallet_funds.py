"""What a wallet has and allows is read on the chain too: where venue and chain differ, nothing more is opened."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from tests.trading.conftest import SetPrice
from tests.trading.live.world import LiveTrader, fault, later, settle
from trading import delegation
from trading.models import Delegate, Order, VenueAlarm
from trading.telegram import denial_words, wallet_pages
from vanta import clock
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db
D = Decimal
LAG = 9  # seconds between two looks that a block's lag cannot explain


def read(live: LiveTrader) -> Delegate:
    """One look of the signing worker at the delegate."""
    Delegate.objects.update(next_check_at=clock.now() - dt.timedelta(seconds=1))
    delegation.drain()
    return Delegate.objects.get()


def denied(live: LiveTrader, text: str = "/long ETH 100 10x") -> set[str]:
    live.types(text)
    return set(live.orders[-1].reason.split(","))


def fund(live: LiveTrader, **amounts: str) -> None:
    live.sandbox.post("/control/venue/fund", trader=live.wallet, **amounts).raise_for_status()


def page(live: LiveTrader) -> str:
    return str(wallet_pages.wallet(Delegate.objects.get())["text"])


def test_balance_and_allowance_are_read_from_the_usdc_contract_as_well(live: LiveTrader) -> None:
    fund(live, balance="250.5", allowance="120")
    delegate = read(live)
    assert (delegate.chain_balance_usd, delegate.chain_allowance_usd) == (D("250.5"), D(120))
    assert (delegate.chain_read_at, delegate.funds_differ_since) == (delegate.funds_read_at, None)
    assert "The chain says the same" in page(live)


@pytest.mark.parametrize("told", [{"data.balance": "1"}, {"data.allowance": "999999999"}], ids=repr)
def test_a_venue_that_tells_otherwise_than_the_chain_opens_nothing_more(
    live: LiveTrader, price: SetPrice, told: dict[str, Any]
) -> None:
    fund(live, balance="1000", allowance="500")
    fault(live.sandbox, "tamper", service="tx-builder", set=told)
    assert read(live).funds_differ_since is not None
    assert denied(live) == {""}  # a block's lag explains it so far
    with later(live.sandbox, LAG):
        price("ETH/USD", "3000")
        delegate = read(live)
        assert delegate.funds_disputed_since is not None
        assert delegate.next_check_at - clock.now() < dt.timedelta(seconds=11)
        assert denied(live) == {"chain_disagrees"}
        assert VenueAlarm.objects.get(kind="chain").subject == f"delegate {delegate.pk}"
        assert "Nothing is opened LIVE" in page(live)
        live.sandbox.control.delete("/control/faults")
        assert read(live).funds_disputed_since is None
        assert not VenueAlarm.objects.exists()
        assert "chain_disagrees" not in denied(live)


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "lag", "seconds": 120},
        {"kind": "status", "status": 503},
        {"kind": "tamper", "set": {"result": "0x2105"}},
        {"kind": "drop"},
    ],
    ids=repr,
)
def test_a_node_that_is_behind_or_away_disputes_nothing(live: LiveTrader, broken: dict[str, Any]) -> None:
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.balance": "1"})
    fault(live.sandbox, service="rpc", **broken)
    read(live)
    with later(live.sandbox, LAG):
        delegate = read(live)
        assert (delegate.funds_differ_since, delegate.chain_read_at) == (None, None)
        assert delegate.balance_usd == D("0.000001")
        assert "has not been asked" in page(live)


def test_a_node_that_is_really_away_disputes_nothing(live: LiveTrader, settings: Settings) -> None:
    settings.BASE_RPC_URL = f"http://127.0.0.1:{free_port()}"
    delegate = read(live)
    assert (delegate.chain_read_at, delegate.balance_usd) == (None, live.balance)


def test_while_an_order_moves_usdc_nothing_is_compared(live: LiveTrader) -> None:
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.balance": "1"})
    live.opened()
    Order.objects.filter(pk=live.approve().pk).update(state="SUBMITTING")
    assert read(live).chain_read_at is None


def test_an_opening_that_the_wallet_does_not_allow_is_denied_before_it_is_sent(live: LiveTrader) -> None:
    fund(live, allowance="100.44")  # a hundred and its fee is 100.45
    read(live)
    assert denied(live) == {"allowance"}
    said = denial_words.denials(live.orders[-1].decision, "allowance")
    assert "100.44 USDC" in said
    assert "100.45 USDC" in said
    assert "/wallet" in said
    assert live.effects == []
    fund(live, allowance="100.45")
    read(live)
    assert settle(live.approve()).state == "FILLED"


def test_what_was_opened_since_it_was_read_is_not_allowed_any_more(live: LiveTrader) -> None:
    fund(live, allowance="150")
    read(live)
    live.opened()
    assert denied(live) == {"allowance"}
    assert denied(live, "/long ETH 40 10x") == {""}


def test_what_is_under_way_is_not_allowed_a_second_time(live: LiveTrader) -> None:
    fund(live, allowance="150")
    read(live)
    live.approve()
    assert denied(live) == {"allowance"}


def test_the_lower_of_two_allowances_binds(live: LiveTrader) -> None:
    fund(live, allowance="50")
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.allowance": "5000000000"})
    read(live)
    assert denied(live) == {"allowance"}


def test_an_unlimited_allowance_denies_nothing(live: LiveTrader) -> None:
    assert read(live).is_unlimited
    assert denied(live) == {""}


def test_a_delegate_that_may_not_sign_any_more_is_not_active(live: LiveTrader) -> None:
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.canSignIntents": False})
    assert read(live).disabled_since is not None
    assert "no_delegate" in denied(live)
