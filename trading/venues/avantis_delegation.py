"""Delegates at the venue, through its SDK: what the wallet signs, registering it, whether it holds, what it may spend.

Every function is a few HTTP calls on a client of its own: they happen some times a delegate. Amounts in USDC.
"""

import asyncio
import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import httpx
from django.conf import settings
from eth_abi.abi import encode
from eth_utils.conversions import to_bytes
from eth_utils.crypto import keccak
from veranta_sdk.config import DEFAULT_DELEGATION_ADDRESS
from veranta_sdk.eip7702 import Call, GelatoDelegationEncoder
from veranta_sdk.eip7702.account import encode_nonce
from veranta_sdk.errors import VerantaError
from veranta_sdk.execution.local_intents import LocalIntentBuilder
from veranta_sdk.execution.relayer import RelayerClient
from veranta_sdk.signing import LocalSigner
from veranta_sdk.transport import HttpTransport
from veranta_sdk.txbuilder import TxBuilderClient

from trading.errors import TradingError

TIMEOUT_S = 4
GAS_LIMIT = 2_000_000  # what the SDK takes where it has no RPC to ask; the relayer takes 3 000 000 at most
USDC_UNIT = Decimal(10**6)
NONCE_KEY_BITS = 192
_REGISTER = keccak(text="setDelegateWithSig(bytes,bytes)")[:4]
_DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
T = TypeVar("T")


class VenueUnreachable(TradingError):
    """The venue or the chain gave no usable answer; nothing is known by it."""

    code = "venue_unreachable"
    retryable = True


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where the venue's contracts are; `spender` is the one that takes collateral from wallets."""

    chain_id: int
    trading_router: str
    spender: str
    usdc: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """What the venue says of a delegate now; `expires_at_s` in Unix seconds."""

    is_enabled: bool
    may_sign: bool
    expires_at_s: int


@dataclass(frozen=True, slots=True)
class Funds:
    """What a wallet has and what the venue may take of it."""

    balance_usd: Decimal
    allowance_usd: Decimal


@dataclass(frozen=True, slots=True)
class RelayState:
    """What the relayer says of a submission; `is_settled` and not `succeeded`: it failed or was reverted."""

    is_settled: bool
    succeeded: bool
    tx_hash: str


def contracts() -> Contracts:
    """The venue's contracts as it names them. Raises VenueUnreachable."""
    meta = _ask(lambda transport: _builder(transport).meta())
    try:
        named = meta["addresses"]
        return Contracts(int(meta["chainId"]), named["tradingRouter"], named["tradingStorage"], named["usdc"])
    except (KeyError, TypeError, ValueError) as error:
        raise VenueUnreachable("meta_not_understood") from error


def is_contract(address: str) -> bool:
    """Whether there is code at an address: such a wallet's signature proves nothing here. Raises VenueUnreachable."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_getCode", "params": [address, "latest"]}
    try:
        told = httpx.post(settings.BASE_RPC_URL, json=asked, timeout=TIMEOUT_S).raise_for_status().json()
        return bool(told["result"].removeprefix("0x"))
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VenueUnreachable("no_code_from_chain") from error


def request(
    *, venue: Contracts, wallet: str, delegate: str, expires_at: dt.datetime, deadline: dt.datetime
) -> dict[str, Any]:
    """The exact `DelegateReq` for the wallet to sign, built here: typed data as a wallet takes it, digest, encoding."""
    built = LocalIntentBuilder(venue.chain_id, venue.trading_router).delegate_req(
        trader=wallet,
        delegate=delegate,
        expiry_seconds=int(expires_at.timestamp()),
        deadline_ms=int(deadline.timestamp() * 1000),
    )
    typed_data = {
        "types": {"EIP712Domain": _DOMAIN_FIELDS, **built.types},
        "primaryType": built.primary_type,
        "domain": built.domain,
        "message": built.message,
    }
    return {"typed_data": typed_data, "digest": built.digest, "encoded": built.encoded_intent}


def new_exec_nonce() -> str:
    """A nonce for the delegate's account: a key of its own, so that its sequence begins at 0 (not the SDK's clock)."""
    return str(encode_nonce(secrets.randbits(NONCE_KEY_BITS), 0))


def registration(
    *, venue: Contracts, private_key: bytes, request: Mapping[str, Any], wallet_signature: str, exec_nonce: str
) -> dict[str, Any]:
    """The delegate's signed transaction that hands the wallet's request to the venue; nothing leaves the process."""
    call = _REGISTER + encode(
        ["bytes", "bytes"], [to_bytes(hexstr=wallet_signature), to_bytes(hexstr=request["encoded"])]
    )
    encoder = GelatoDelegationEncoder(
        signer=LocalSigner("0x" + private_key.hex()),
        chain_id=venue.chain_id,
        delegation_address=DEFAULT_DELEGATION_ADDRESS,
    )
    calls = [Call.from_hex(venue.trading_router, "0x" + call.hex())]
    built: dict[str, Any] = encoder.build_type4(calls, gas=GAS_LIMIT, account_nonce=0, exec_nonce=int(exec_nonce))
    return built


def submit(tx_params: Mapping[str, Any], wallet: str) -> str:
    """Hand these bytes to the relayer; its request id. Raises VenueUnreachable, after which they may have left."""
    return str(_ask(lambda transport: _relayer(transport).create(dict(tx_params), wallet)))


def relay_state(request_id: str) -> RelayState:
    """What became of a submission. Raises VenueUnreachable, also where the relayer has forgotten it."""
    told = _ask(lambda transport: _relayer(transport).status(request_id))
    return RelayState(told.settled, told.settled and told.success, told.tx_hash or "")


def delegation(wallet: str, delegate: str) -> Delegation:
    """What the venue knows of a delegate of this wallet. Raises VenueUnreachable."""
    told = _ask(lambda transport: _builder(transport).delegation(wallet, delegate))
    try:
        may_sign = bool(told.get("canSignIntents")) and bool(told.get("canDelegatedAction"))
        return Delegation(told["isEnabled"] is True, may_sign, int(told["expiry"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise VenueUnreachable("delegation_not_understood") from error


def funds(wallet: str) -> Funds:
    """The wallet's USDC and what the venue may take of it. Raises VenueUnreachable."""
    told = _ask(lambda transport: _builder(transport).allowance(wallet))
    try:
        return Funds(int(told["balance"]) / USDC_UNIT, int(told["allowance"]) / USDC_UNIT)
    except (KeyError, TypeError, ValueError) as error:
        raise VenueUnreachable("allowance_not_understood") from error


def _builder(transport: HttpTransport) -> TxBuilderClient:
    return TxBuilderClient(transport, settings.VERANTA_TX_BUILDER_URL)


def _relayer(transport: HttpTransport) -> RelayerClient:
    return RelayerClient(transport, settings.VERANTA_API_BASE_URL.rstrip("/") + "/blitz")


def _ask(call: Callable[[HttpTransport], Awaitable[T]]) -> T:
    async def once() -> T:
        transport = HttpTransport(TIMEOUT_S)
        try:
            return await call(transport)
        finally:
            await transport.aclose()

    try:
        return asyncio.run(once())
    except (VerantaError, httpx.HTTPError, ValueError) as error:
        raise VenueUnreachable(type(error).__name__) from error
