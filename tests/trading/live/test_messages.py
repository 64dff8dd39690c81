"""A message is signed only where it says what the order says, field by field."""

import secrets
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from veranta_sdk.types import IntentPayload

from trading.venues.avantis import messages
from trading.venues.avantis.messages import (
    Domain,
    MessageDiffers,
    NotExact,
    WrongKey,
    build,
    differences,
    sign,
    units,
)
from trading.venues.avantis.terms import CloseTerms, IncreaseTerms, MarketTerms, OpenTerms, StopTerms, Terms
from vanta.sandbox.veranta.addresses import CHAIN_ID, TRADING_ROUTER
from vanta.sandbox.veranta.intents import read_intent, read_market_intent

TRADER = Account.from_key("0x" + "11" * 32).address
OTHER = Account.from_key("0x" + "22" * 32).address
KEY = bytes.fromhex("33" * 32)
SIGNER = PrivateKey(KEY).public_key.to_checksum_address()
DOMAIN = Domain(8453, OTHER)
OPEN = OpenTerms(
    trader=TRADER,
    pair_index=0,
    is_long=True,
    is_upside=False,
    collateral=100_000_000,
    leverage=100_000_000_000,
    price=30_000_000_000_001,
    slippage_percent=1_100_000_000,
    take_profit=33_000_000_000_000,
    stop_loss=29_000_000_000_000,
    deadline_ms=1_790_000_000_123,
    nonce=2**256 - 1,
)
CLOSE = CloseTerms(
    trader=TRADER,
    pair_index=0,
    is_upside=False,
    index=3,
    opened_at_s=1_790_000_000,
    collateral=99_550_001,
    price=30_000_000_000_001,
    deadline_ms=1_790_000_000_123,
    nonce=2**255 + 1,
)
STOPS = StopTerms(
    trader=TRADER,
    pair_index=0,
    index=3,
    take_profit=33_000_000_000_001,
    stop_loss=29_000_000_000_000,
    deadline_ms=1_790_000_000_123,
    nonce=2**255 + 1,
)
INCREASE = IncreaseTerms(
    trader=TRADER,
    pair_index=0,
    index=3,
    collateral=50_000_001,
    leverage=100_000_000_000,
    price=30_000_000_000_001,
    slippage_percent=1_100_000_000,
    deadline_ms=1_790_000_000_123,
    nonce=2**256 - 3,
)
BOTH = pytest.mark.parametrize("terms", [OPEN, CLOSE, replace(OPEN, is_upside=True), INCREASE])
EACH = pytest.mark.parametrize("terms", [OPEN, CLOSE, replace(OPEN, is_upside=True), INCREASE, STOPS])


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return OTHER if isinstance(value, str) else value - 1 if value else 1


@EACH
def test_what_the_sdk_builds_is_what_the_order_says(terms: Terms) -> None:
    assert differences(terms, DOMAIN, build(terms, DOMAIN)) == []


def names(terms: Terms) -> list[str]:
    return [field.name for field in fields(terms)]


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        (terms, name)
        for terms in (OPEN, CLOSE, INCREASE, STOPS)
        for name in names(terms)
        if (terms, name) != (CLOSE, "is_upside")
    ],
)
def test_a_message_that_differs_in_one_term_is_found(terms: Terms, name: str) -> None:
    other = replace(terms, **{name: changed(getattr(terms, name))})
    assert differences(terms, DOMAIN, build(other, DOMAIN))


def tampered(what: str, terms: Terms) -> IntentPayload:
    """The message for `terms`, with one part of it as another order's."""
    term = "stop_loss" if isinstance(terms, StopTerms) else "collateral"
    other = replace(terms, **{term: getattr(terms, term) * 75})
    mine, evil = build(terms, DOMAIN), build(other, DOMAIN)
    return mine.model_copy(update={what: getattr(evil, what)})


@EACH
@pytest.mark.parametrize("what", ["message", "digest", "encoded_intent"])
def test_one_tampered_part_is_enough(terms: Terms, what: str) -> None:
    assert differences(terms, DOMAIN, tampered(what, terms))


@EACH
def test_another_router_chain_or_type_is_found(terms: Terms) -> None:
    honest = build(terms, DOMAIN)
    assert "domain" in differences(terms, DOMAIN, build(terms, Domain(8453, TRADER)))
    assert "domain" in differences(terms, DOMAIN, build(terms, Domain(1, OTHER)))
    swapped = {name: list(reversed(parts)) for name, parts in honest.types.items()}
    assert differences(terms, DOMAIN, honest.model_copy(update={"types": swapped})) == ["types"]
    assert differences(terms, DOMAIN, honest.model_copy(update={"primary_type": "OpenTradeCoinExposureReq"}))
    assert differences(terms, DOMAIN, honest.model_copy(update={"message": {**honest.message, "extra": "1"}}))
    assert differences(terms, DOMAIN, honest.model_copy(update={"encoded_intent": "0x00"})) == ["encoded"]


def test_nothing_is_signed_on_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "build", lambda terms, domain: tampered("message", terms))
    monkeypatch.setattr(messages, "sign_intent", lambda *_: pytest.fail("signed"))
    with pytest.raises(MessageDiffers) as raised:
        sign(OPEN, DOMAIN, KEY, SIGNER)
    assert raised.value.differences == ["message._t.positionSizeUSDC"]


def test_a_builder_that_lies_throughout_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = replace(OPEN, is_long=False, leverage=750_000_000_000)
    monkeypatch.setattr(messages, "build", lambda _, domain: build(evil, domain))
    with pytest.raises(MessageDiffers):
        sign(OPEN, DOMAIN, KEY, SIGNER)


def test_a_key_that_is_not_the_delegates_is_refused() -> None:
    with pytest.raises(WrongKey):
        sign(OPEN, DOMAIN, secrets.token_bytes(32), SIGNER)


@BOTH
def test_the_venue_reads_what_was_signed(terms: MarketTerms) -> None:
    signed = sign(terms, Domain(CHAIN_ID, TRADING_ROUTER), KEY, SIGNER)
    intent = read_market_intent(int(terms.order_type), signed.encoded, signed.signature)
    assert (intent.signer, intent.trader, intent.nonce) == (SIGNER, TRADER, terms.nonce)
    assert "0x" + intent.digest.hex() == signed.digest


def test_the_venue_reads_the_stops_that_were_signed() -> None:
    signed = sign(STOPS, Domain(CHAIN_ID, TRADING_ROUTER), KEY, SIGNER)
    intent = read_intent("UpdateTpSlReq", signed.encoded, signed.signature)
    assert (intent.signer, intent.trader, "0x" + intent.digest.hex()) == (SIGNER, TRADER, signed.digest)
    assert (intent.message["_newTp"], intent.message["_newSl"]) == (STOPS.take_profit, STOPS.stop_loss)


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_amounts_reach_the_wire_exactly(amount: Decimal) -> None:
    raw = units(amount, messages.USDC)
    assert Decimal(raw) / messages.USDC == amount
    built = build(replace(CLOSE, collateral=raw), DOMAIN)
    assert built.message["_amount"] == str(raw)


@pytest.mark.parametrize("amount", ["0.0000001", "-1"])
def test_an_amount_that_the_wire_cannot_say_is_not_rounded(amount: str) -> None:
    with pytest.raises(NotExact):
        units(Decimal(amount), messages.USDC)
