"""A delegate's batch is signed only where it says what the order says; a used nonce is judged by its effect."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_keys.datatypes import PrivateKey

from trading.venues.avantis import batches, calls
from trading.venues.avantis.batches import Batch, void
from trading.venues.avantis.calls import CANCEL_ORDER, OPEN_TRADE, UPDATE_MARGIN, Call
from trading.venues.avantis.margin_moves import Witnesses, has_moved
from trading.venues.avantis.messages import MessageDiffers
from trading.venues.avantis.passthrough import Consumed
from vanta.sandbox.veranta.abi import decode_call
from vanta.sandbox.veranta.accounts import Wallets, authorize, read_batch

D = Decimal
TRADER = Account.from_key("0x" + "11" * 32).address
ROUTER = Account.from_key("0x" + "22" * 32).address
KEY, OTHER_KEY = bytes.fromhex("33" * 32), bytes.fromhex("44" * 32)
DELEGATE = PrivateKey(KEY).public_key.to_checksum_address()
WANTED = Call(
    UPDATE_MARGIN, {"pairIndex": 3, "index": 2, "action": 0, "amount": 50_000_000, "priceUpdateData": b"prices"}
)
BATCH = Batch(DELEGATE, 8453, ROUTER, calls.delegated(TRADER, WANTED), 2**255 + 2**64)


def other(name: str) -> Call:
    value = WANTED.arguments[name]
    return Call(WANTED.name, {**WANTED.arguments, name: b"evil" if isinstance(value, bytes) else value + 1})


def test_what_is_encoded_is_what_the_order_says_and_what_the_venue_reads() -> None:
    data = calls.delegated(TRADER, WANTED)
    assert calls.differences(TRADER, WANTED, data) == []
    name, arguments = decode_call(data)
    assert (name, arguments["trader"].lower()) == ("delegatedAction", TRADER.lower())
    assert decode_call(arguments["call"]) == (UPDATE_MARGIN, dict(WANTED.arguments))


@pytest.mark.parametrize("name", list(WANTED.arguments))
def test_a_call_that_differs_in_one_argument_is_found(name: str) -> None:
    assert calls.differences(TRADER, WANTED, calls.delegated(TRADER, other(name))) == [name]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 4,
        calls.encoded(WANTED),  # not as the trader's delegate
        calls.delegated(TRADER, WANTED) + b"\x00",
        calls.delegated(ROUTER, WANTED),
        calls.selector("delegatedAction") + encode(["address", "bytes"], [TRADER, calls.encoded(WANTED) + b"fee"]),
        calls.delegated(TRADER, Call("delegatedAction", {"trader": ROUTER, "call": calls.encoded(WANTED)})),
    ],
)
def test_another_call_or_more_than_the_call_is_found(data: bytes) -> None:
    assert calls.differences(TRADER, WANTED, data)


TRADE = {
    "trader": TRADER,
    "pairIndex": 3,
    "index": 0,
    "initialPosToken": 0,
    "positionSizeUSDC": 100_000_000,
    "openPrice": 29 * 10**12,
    "buy": True,
    "leverage": 10**11,
    "tp": 31 * 10**12,
    "sl": 28 * 10**12,
    "timestamp": 0,
}
RESTS = Call(OPEN_TRADE, {"trade": TRADE, "orderType": 2, "slippageP": 10**10})
CANCELS = Call(CANCEL_ORDER, {"pairIndex": 3, "index": 2})


def differing(value: Any) -> Any:
    if isinstance(value, str):
        return ROUTER
    return not value if isinstance(value, bool) else value + 1


CHANGED = [
    *((RESTS, f"trade.{name}", {"trade": {**TRADE, name: differing(value)}}) for name, value in TRADE.items()),
    *((RESTS, name, {name: RESTS.arguments[name] + 1}) for name in ("orderType", "slippageP")),
    *((CANCELS, name, {name: value + 1}) for name, value in CANCELS.arguments.items()),
]


@pytest.mark.parametrize("wanted", [RESTS, CANCELS], ids=lambda call: call.name)
def test_a_limit_order_and_its_cancel_are_what_the_venue_reads(wanted: Call) -> None:
    data = calls.delegated(TRADER, wanted)
    assert calls.differences(TRADER, wanted, data) == []
    name, arguments = decode_call(decode_call(data)[1]["call"])
    read = {key: {**value, "trader": TRADER} if key == "trade" else value for key, value in arguments.items()}
    assert (name, read) == (wanted.name, dict(wanted.arguments))


@pytest.mark.parametrize(("wanted", "name", "changes"), CHANGED, ids=[name for _, name, _ in CHANGED])
def test_a_limit_order_or_cancel_that_differs_anywhere_is_found(
    wanted: Call, name: str, changes: Mapping[str, Any]
) -> None:
    tampered = Call(wanted.name, {**wanted.arguments, **changes})
    assert calls.differences(TRADER, wanted, calls.delegated(TRADER, tampered)) == [name]


@pytest.mark.parametrize("other", [CANCELS, WANTED], ids=lambda call: call.name)
def test_another_call_than_the_limit_orders_is_found(other: Call) -> None:
    assert calls.differences(TRADER, RESTS, calls.delegated(TRADER, other)) == ["name"]


def test_the_finished_batch_is_what_the_chain_executes_under_its_nonce() -> None:
    built = batches.signed(BATCH, KEY)
    wallets: Wallets = {}
    authorize(wallets, built["authorizationList"])
    read = read_batch(wallets, DELEGATE, bytes.fromhex(built["data"][2:]))
    assert (read.account, read.to, read.data, read.nonce) == (DELEGATE, ROUTER, BATCH.data, BATCH.exec_nonce)
    nothing = read_batch(wallets, DELEGATE, bytes.fromhex(batches.signed(void(BATCH), KEY)["data"][2:]))
    assert (nothing.nonce, nothing.data, nothing.to) == (BATCH.exec_nonce, b"", batches.NOTHING)


TAMPERED = {
    "chain": {"chain_id": 1},
    "target": {"to": TRADER},
    "call": {"data": calls.delegated(TRADER, other("amount"))},
    "nonce": {"exec_nonce": 2**255 + 2**65},
    "sequence": {"exec_nonce": BATCH.exec_nonce + 1},
}


@pytest.mark.parametrize("changes", TAMPERED.values(), ids=TAMPERED)
def test_a_builder_that_makes_another_batch_gets_it_signed_for_nobody(
    monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any]
) -> None:
    build = batches.build
    monkeypatch.setattr(batches, "build", lambda batch, key: build(replace(batch, **changes), key))
    with pytest.raises(MessageDiffers):
        batches.signed(BATCH, KEY)


def test_a_batch_signed_by_another_key_is_found() -> None:
    assert batches.differences(BATCH, batches.build(BATCH, OTHER_KEY))


@pytest.mark.parametrize(
    "changes",
    [
        {"value": "1"},
        {"to": TRADER},
        {"chainId": 1},
        {"transactionType": 2},
        {"data": "0x00"},
        {"authorizationList": []},
    ],
    ids=repr,
)
def test_a_transaction_that_was_changed_afterwards_is_found(changes: Mapping[str, Any]) -> None:
    assert batches.differences(BATCH, {**batches.build(BATCH, KEY), **changes})


@pytest.mark.parametrize("changes", [{"address": ROUTER}, {"nonce": 1}, {"chainId": 1}, {"r": "0x01"}], ids=repr)
def test_an_authorisation_of_other_code_is_found(changes: Mapping[str, Any]) -> None:
    built = batches.build(BATCH, KEY)
    built["authorizationList"] = [{**built["authorizationList"][0], **changes}]
    assert batches.differences(BATCH, built)


SETTLED, BELIEVED = 20, 300


@pytest.mark.parametrize(
    ("trade", "wallet", "waited_s", "void", "moved"),
    [
        (50, -50, 0, False, True),
        (50, 0, 0, True, True),  # the wallet's balance is told late
        (0, 0, SETTLED - 1, True, None),
        (0, 0, SETTLED, True, False),
        (0, 33, SETTLED, True, False),  # somebody paid in meanwhile
        (0, -50, SETTLED, True, None),  # they contradict each other
        (0, -50, BELIEVED, True, False),
        (0, 0, BELIEVED - 1, False, None),  # nothing but the order's batch can have used it
        (0, 0, BELIEVED, False, False),
        (None, -50, 0, True, True),  # the trade has ended, and the wallet paid
        (None, 0, SETTLED, True, False),
        (None, 0, SETTLED, False, None),
        (None, 70, SETTLED, False, None),  # its end has paid out too
        (None, 70, BELIEVED, False, True),
        (None, 70, BELIEVED, True, False),
    ],
)
def test_a_used_nonce_is_judged_by_trade_and_wallet(
    trade: int | None, wallet: int, waited_s: int, void: bool, moved: bool | None
) -> None:
    consumed = Consumed(waited_s, void, is_void_likely=void, is_reverted=False, transaction_hash="")
    seen = Witnesses(None if trade is None else D(trade), D(wallet))
    assert has_moved(D(50), seen, consumed) is moved
