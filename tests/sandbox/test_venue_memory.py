"""The venue's books outlive a restart of the sandbox."""

from pathlib import Path
from typing import Any

import pytest
from veranta_sdk.errors import RelayError

from tests.sandbox.conftest import started
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import MARKET_OPEN, Trader, books, effects, kinds
from tests.waiting import wait_until


def test_positions_nonces_orders_and_events_are_there_after_a_restart(tmp_path: Path, trader: Trader) -> None:
    state = str(tmp_path / "sandbox.json")
    options = {"private_key": trader.key, "relay_poll_interval_s": 0.05}

    async def trade(client: Any) -> tuple[dict[str, str], str]:
        signed = await trader.signed_open(client)
        outcome = await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        await client.trade.partial_tp_sl("ETH/USD", 0, side="long", kind="tp", coin_exposure="0.1", price="4000")
        await client.trade.limit_open("ETH/USD", "short", "100", "10", "4000")
        return signed, outcome.tracking_id

    with started("--state", state) as first:
        first.post("/control/price", symbol="ETH", price=3500)
        signed, tracking_id = with_client(first, trade, **options, rpc_url=f"{first.url}/rpc")
        before, known = effects(first, trader), books(first, trader)
        price = first.state()["prices"]["ETH/USD"]  # type: ignore[index]  # a dict in JSON

    async def go_on(client: Any) -> None:
        assert len(await client.engine.batched_market.status(tracking_id)) == 3
        with pytest.raises(RelayError, match="ATTEMPTS_EXHAUSTED"):
            await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        await client.trade.cancel_limit_order("ETH/USD", 0)

    with started("--state", state) as second:
        assert (effects(second, trader), books(second, trader)) == (before, known)
        assert second.state()["prices"]["ETH/USD"] == pytest.approx(price, rel=0.01)  # type: ignore[index]  # as above
        with_client(second, go_on, **options, rpc_url=f"{second.url}/rpc")
        assert kinds(second, trader) == ["open", "trigger_set", "limit_place", "limit_cancel"]


def test_what_was_executed_is_written_within_a_moment(tmp_path: Path, trader: Trader) -> None:
    state = tmp_path / "sandbox.json"
    with started("--state", str(state)) as sandbox:
        sandbox.post("/control/venue/fund", trader=trader.address, balance="77")
        wait_until(lambda: state.exists() and trader.address.lower() in state.read_text(), 5, "the books are written")


def test_books_that_cannot_be_read_are_kept_beside_new_ones(tmp_path: Path, trader: Trader) -> None:
    state = tmp_path / "sandbox.json"
    state.write_text('{"chats": [], "files": [], "pending": [], "venue": {"prices": {}, "books": {}}}')
    with started("--state", str(state)) as sandbox:
        assert books(sandbox, trader)["positions"] == []
    assert '"books": {}' in state.with_suffix(".unread").read_text()
