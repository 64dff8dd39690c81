"""What the SDK sees of each fault in the life of an order, and what the journal says really happened."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import pytest
from veranta_sdk.errors import ApiError, RelayError

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import MARKET_OPEN, Trader, books, declined, effects, inject, kinds
from tests.waiting import wait_until

EXECUTED = ["MarketOrderAccepted", "MarketOrderInitiated", "MarketOrderExecuted"]


async def post(client: Any, signed: dict[str, str], seen: list[str] | None = None, **options: Any) -> Any:
    told = seen if seen is not None else []
    execute = client.engine.batched_market.execute
    return await execute(MARKET_OPEN, signed, None, on_event=lambda event: told.append(event.type), **options)


def one_order(sandbox: Sandbox, trader: Trader, act: Callable[[Any, dict[str, str]], Awaitable[Any]]) -> Any:
    """Signs one opening and hands it to `act` with a client that polls quickly."""

    async def run(client: Any) -> Any:
        return await act(client, await trader.signed_open(client))

    return with_client(sandbox, run, relay_poll_interval_s=0.05)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(("when", "executed"), [("before", []), ("after", ["open"])])
def test_a_status_says_nothing_about_the_execution(
    venue: Sandbox, trader: Trader, status: int, when: str, executed: list[str]
) -> None:
    inject(venue, "status", status=status, when=when)

    async def act(client: Any, signed: dict[str, str]) -> None:
        with pytest.raises(ApiError) as raised:
            await post(client, signed)
        assert raised.value.status == status

    one_order(venue, trader, act)
    assert kinds(venue, trader) == executed


@pytest.mark.parametrize(("when", "executed"), [("before", []), ("after", ["open"])])
def test_a_cut_connection_says_nothing_about_the_execution(
    venue: Sandbox, trader: Trader, when: str, executed: list[str]
) -> None:
    inject(venue, "drop", when=when)

    async def act(client: Any, signed: dict[str, str]) -> None:
        with pytest.raises(ApiError, match="stream failed"):
            await post(client, signed)

    one_order(venue, trader, act)
    assert kinds(venue, trader) == executed


@pytest.mark.parametrize(("when", "executed"), [("before", []), ("after", ["open"])])
def test_a_hang_outlasts_the_client_and_may_have_executed(
    venue: Sandbox, trader: Trader, when: str, executed: list[str]
) -> None:
    inject(venue, "hang", seconds=20, when=when)

    async def act(_: Any, signed: dict[str, str]) -> None:
        url = f"{venue.url}/veranta/batched-market/market/execute-batched"
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, json={"orderType": MARKET_OPEN, "erc712": signed}, timeout=1)

    one_order(venue, trader, act)
    assert kinds(venue, trader) == executed


def test_a_lost_accept_executes_without_a_word(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "lost_accept")

    async def act(client: Any, signed: dict[str, str]) -> None:
        with pytest.raises(ApiError, match="before MarketOrderAccepted"):
            await post(client, signed)
        wait_until(lambda: kinds(venue, trader) == ["open"], 5, "the order is executed")
        with pytest.raises(RelayError, match="ATTEMPTS_EXHAUSTED"):
            await post(client, signed)

    one_order(venue, trader, act)
    assert kinds(venue, trader) == ["open"]


def test_delayed_events_come_late_in_stream_and_replay(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "delay_events", seconds=0.8)
    seen: list[str] = []

    async def act(client: Any, signed: dict[str, str]) -> float:
        began = time.monotonic()
        await post(client, signed, seen)
        return time.monotonic() - began

    assert one_order(venue, trader, act) >= 0.8
    assert seen == EXECUTED


def test_duplicated_events_are_told_twice_in_stream_and_replay(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "duplicate_events")
    seen: list[str] = []

    async def act(client: Any, signed: dict[str, str]) -> list[Any]:
        outcome = await post(client, signed, seen)
        replayed: list[Any] = await client.engine.batched_market.status(outcome.tracking_id)
        return [event.seq for event in replayed]

    assert one_order(venue, trader, act) == [0, 0, 1, 1, 2, 2]
    assert seen[:4] == [EXECUTED[0], EXECUTED[0], EXECUTED[1], EXECUTED[1]]
    assert kinds(venue, trader) == ["open"]


def test_reordered_events_come_newest_first(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "reorder_events")
    seen: list[str] = []

    async def act(client: Any, signed: dict[str, str]) -> Any:
        return await post(client, signed, seen)

    outcome = one_order(venue, trader, act)
    assert (seen, outcome.tracking_id) == (["MarketOrderExecuted"], "")
    assert effects(venue, trader)[0]["transactionHash"] == outcome.tx_hash


def test_a_stream_timeout_ends_the_view_and_not_the_order(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "stream_timeout")
    seen: list[str] = []

    async def act(client: Any, signed: dict[str, str]) -> None:
        await post(client, signed, seen)

    one_order(venue, trader, act)
    assert seen == ["MarketOrderAccepted", "Error", "MarketOrderInitiated", "MarketOrderExecuted"]


def test_a_forgotten_tracking_id_is_not_found_once(venue: Sandbox, trader: Trader) -> None:
    async def act(client: Any, signed: dict[str, str]) -> None:
        outcome = await post(client, signed)
        inject(venue, "forget_tracking")
        with pytest.raises(ApiError) as raised:
            await client.engine.batched_market.status(outcome.tracking_id)
        assert raised.value.status == 404
        assert len(await client.engine.batched_market.status(outcome.tracking_id)) == 3

    one_order(venue, trader, act)


def test_a_failed_attempt_is_followed_by_success(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "attempt_failed")

    async def act(client: Any, signed: dict[str, str]) -> Any:
        return await post(client, signed)

    (failure,) = one_order(venue, trader, act).attempt_failures
    assert failure.data["willRetry"] is True
    assert kinds(venue, trader) == ["open"]


def test_an_error_may_come_after_the_fill(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "error_after_fill")

    async def act(client: Any, signed: dict[str, str]) -> Any:
        with pytest.raises(RelayError) as raised:
            await post(client, signed)
        events = await client.engine.batched_market.status(raised.value.request_id)
        assert [event.type for event in events] == ["MarketOrderAccepted", "Error"]
        return raised.value.code

    assert one_order(venue, trader, act) == "RELAY_TIMEOUT"
    assert kinds(venue, trader) == ["open"]


def test_an_order_may_be_executed_after_its_error(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "relay_timeout", seconds=0.6, code="TX_NOT_EXECUTED")

    async def act(client: Any, signed: dict[str, str]) -> None:
        with pytest.raises(RelayError, match="TX_NOT_EXECUTED"):
            await post(client, signed)
        assert kinds(venue, trader) == []

    one_order(venue, trader, act)
    wait_until(lambda: kinds(venue, trader) == ["open"], 5, "the late execution")


def test_the_same_bytes_while_the_first_is_slow_are_executed_once(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "slow_execution", seconds=0.5)

    async def act(client: Any, signed: dict[str, str]) -> None:
        first = await post(client, signed, wait=False)
        await post(client, signed)
        with pytest.raises(RelayError, match="ATTEMPTS_EXHAUSTED"):
            await client.engine.batched_market.wait(first.tracking_id)

    one_order(venue, trader, act)
    assert kinds(venue, trader) == ["open"]


@pytest.mark.parametrize(
    ("offset_ms", "executed", "outcome"),
    [(-2500, ["open"], nullcontext()), (100, [], pytest.raises(RelayError, match="TX_NOT_EXECUTED"))],
)
def test_an_execution_around_the_deadline_is_decided_by_the_block(
    venue: Sandbox, trader: Trader, offset_ms: int, executed: list[str], outcome: AbstractContextManager[Any]
) -> None:
    inject(venue, "slow_execution", offset_ms=offset_ms)

    async def act(client: Any) -> None:
        signed = await trader.signed_open(client, deadline_ms=int(time.time() * 1000) + 3000)
        with outcome:
            await post(client, signed)

    with_client(venue, act)
    assert kinds(venue, trader) == executed
    for effect in effects(venue, trader):
        assert effect["blockTimestamp"] * 1000 <= int(time.time() * 1000) + 3000


def test_a_cancel_uses_the_nonce_without_an_effect(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "canceled", reason="MaxOpenInterest")

    async def act(client: Any, signed: dict[str, str]) -> None:
        with pytest.raises(RelayError, match="MaxOpenInterest"):
            await post(client, signed)

    one_order(venue, trader, act)
    assert (kinds(venue, trader), declined(venue, trader)[0]["reason"]) == ([], "MaxOpenInterest")
    assert len(books(venue, trader)["usedNonces"]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"service": "core", "kind": "lost_accept"},
        {"service": "batched-market", "kind": "slow_execution", "offset_ms": "soon"},
        {"service": "tx-builder", "kind": "tamper", "what": "everything"},
        {"service": "core", "kind": "tamper", "set": "all"},
    ],
)
def test_a_fault_of_the_venue_that_makes_no_sense_is_refused(venue: Sandbox, fault: dict[str, object]) -> None:
    assert venue.post("/control/faults", **fault).status_code == 400
