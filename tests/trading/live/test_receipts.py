"""Each LIVE fill is held against the chain after it was booked; what the chain contradicts stops its trader."""

import datetime as dt
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.live.test_limit_orders import at_venue, rested
from tests.trading.live.world import LiveTrader, fault, later, settle
from tests.trading.people import Person
from tests.trading.pipeline import approve
from trading import execution, migrations, receipt_checks, venue_accounts
from trading.models import Fill, Order, Receipt, VenueAlarm
from trading.selectors import order_chain
from trading.telegram import story
from trading.venues.avantis.identity import Contracts
from trading.venues.chain import Head, Mined
from vanta import clock
from vanta.embedded.host import free_port
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
SOON = 10  # seconds, until the block is there
MINUTES = 240


def look() -> Receipt:
    """One turn of the check, now."""
    Receipt.objects.exclude(next_check_at=None).update(next_check_at=clock.now() - dt.timedelta(seconds=1))
    receipt_checks.check_due()
    return Receipt.objects.get()


def is_stopped(live: LiveTrader, price: SetPrice) -> bool:
    """Whether an opening is denied for what the chain says."""
    price("ETH/USD", "3000")
    live.types("/long ETH 100 10x")
    return live.orders[-1].reason == "chain_disagrees"


@pytest.fixture
def filled(live: LiveTrader) -> Order:
    live.opened()
    return Order.objects.get()


def test_a_fill_that_is_on_the_chain_as_told_is_looked_at_once(live: LiveTrader, filled: Order) -> None:
    with later(live.sandbox, SOON):
        receipt = look()
        assert (receipt.outcome, receipt.next_check_at, receipt.looks) == ("ok", None, 1)
        assert receipt.block_number == live.effects[0]["blockNumber"]
        assert receipt.transaction_hash == live.effects[0]["transactionHash"]
        assert f"✓ as told in block {receipt.block_number}" in story.why(order_chain(filled.pk))
        assert receipt_checks.check_due() == 0


def test_a_limit_order_that_is_filled_long_after_its_message_is_not_late(live: LiveTrader) -> None:
    order = rested(live)
    with later(live.sandbox, MINUTES):
        at_venue(live)
        settle(order)
        with later(live.sandbox, MINUTES + SOON):
            assert (look().outcome, order.state) == ("ok", "FILLED")


def test_a_closing_that_the_venue_made_by_itself_is_held_against_the_chain_too(live: LiveTrader) -> None:
    position = live.opened()
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/liquidate", **name).raise_for_status()
    venue_accounts.reconcile_all()
    with later(live.sandbox, SOON):
        Receipt.objects.update(next_check_at=clock.now())
        receipt_checks.check_due()
    assert list(Receipt.objects.values_list("outcome", flat=True)) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"result.status": "0x0"}, "reverted"),
        ({"result.to": "0x" + "11" * 20, "result.logs": []}, "other_contract"),
        ({"result.timestamp": hex(4_000_000_000)}, "late"),
    ],
    ids=["reverted", "other_contract", "late"],
)
def test_what_the_chain_contradicts_stops_the_traders_openings_until_it_agrees(
    live: LiveTrader, filled: Order, price: SetPrice, told: dict[str, Any], outcome: str
) -> None:
    fault(live.sandbox, "tamper", service="rpc", set=told)
    with later(live.sandbox, SOON):
        receipt = look()
        assert (receipt.outcome, receipt.is_contradicted) == (outcome, True)
        assert VenueAlarm.objects.get(kind="chain").subject == f"order {filled.pk}"
        assert is_stopped(live, price)
        live.sandbox.control.delete("/control/faults")
        assert look().outcome == "ok"
        assert not VenueAlarm.objects.filter(kind="chain").exists()
        assert not is_stopped(live, price)


def test_a_transaction_that_was_never_mined_is_missing_after_minutes_of_blocks(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "tamper", set={"transactionHash": "0x" + "ab" * 32}, event="MarketOrderExecuted")
    settle(order)
    with later(live.sandbox, SOON):
        assert look().outcome == ""
    with later(live.sandbox, MINUTES):
        assert look().outcome == "missing"
        assert VenueAlarm.objects.filter(kind="chain").exists()


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "frozen"},
        {"kind": "lag", "seconds": 300},
        {"kind": "status", "status": 503},
        {"kind": "drop"},
        {"kind": "garbage"},
        {"kind": "tamper", "set": {"result": "0x1"}},
        {"kind": "tamper", "set": {"result.transactionHash": "0x" + "cd" * 32}},
    ],
    ids=repr,
)
def test_a_node_that_is_behind_away_or_strange_proves_nothing(live: LiveTrader, broken: dict[str, Any]) -> None:
    fault(live.sandbox, service="rpc", **broken)
    live.opened()
    with later(live.sandbox, MINUTES):
        receipt = look()
        assert (receipt.outcome, receipt.looks) == ("", 1)
        assert receipt.next_check_at is not None
        assert receipt.next_check_at > clock.now()
        assert not VenueAlarm.objects.exists()
        live.sandbox.control.delete("/control/faults")
        assert look().outcome == "ok"


def test_a_node_that_is_really_away_is_asked_again_later_and_later(filled: Order, settings: Settings) -> None:
    settings.BASE_RPC_URL = f"http://127.0.0.1:{free_port()}"
    pauses = []
    for _ in range(3):
        receipt = look()
        assert receipt.outcome == ""
        assert receipt.next_check_at is not None
        pauses.append(round((receipt.next_check_at - clock.now()).total_seconds()))
    assert pauses == sorted(set(pauses))


def test_a_person_can_accept_what_the_chain_contradicts(live: LiveTrader, filled: Order, price: SetPrice) -> None:
    with pytest.raises(CommandError):
        call_command("accept_receipt", filled.pk, reason="nothing to accept")
    fault(live.sandbox, "tamper", service="rpc", set={"result.status": "0x0"})
    with later(live.sandbox, SOON):
        look()
        call_command("accept_receipt", filled.pk, reason="seen on a block explorer")
        assert look().is_contradicted is False
        assert not is_stopped(live, price)
    entry = AuditEntry.objects.get(action="receipt.accept")
    assert (entry.subject, entry.reason) == (f"order {filled.pk}", "seen on a block explorer")


def test_fills_of_an_older_installation_are_looked_at_as_well(live: LiveTrader, filled: Order) -> None:
    Receipt.objects.all().delete()
    (path,) = Path(migrations.__path__[0]).glob("*_receipts_and_the_chains_funds.py")
    with connection.cursor() as cursor:
        cursor.execute(import_module(f"trading.migrations.{path.stem}").OWE_RECEIPTS_OF_OLD_FILLS)
    with later(live.sandbox, SOON):
        assert look().outcome == "ok"


KNOWN = Contracts(8453, "0x" + "AA" * 20, "0x" + "BB" * 20, "0x" + "CC" * 20)
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("contracts", "outcome"),
    [({"0x" + "aa" * 20}, "ok"), ({"0x" + "bb" * 20}, "ok"), ({"0x" + "cc" * 20}, "other_contract"),
     (set(), "other_contract")],
)  # fmt: skip
def test_router_and_storage_are_the_venue_and_the_money_is_not(contracts: set[str], outcome: str) -> None:
    found = Mined(True, 7, NOW, frozenset(contracts))
    assert receipt_checks.judge(found, Head(8453, 9, NOW), KNOWN, owed_at=NOW, deadline=NOW) == outcome


@pytest.mark.parametrize(("seconds", "outcome"), [(180, None), (181, "missing")])
def test_missing_is_told_by_the_chains_time(seconds: int, outcome: str | None) -> None:
    newest = Head(8453, 9, NOW + dt.timedelta(seconds=seconds))
    assert receipt_checks.judge(None, newest, KNOWN, owed_at=NOW, deadline=NOW) == outcome


def test_a_dry_fill_owes_no_look(ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 100 10x")
    execution.drain()
    assert (Fill.objects.count(), Receipt.objects.count()) == (1, 0)
