"""A trader with a key of its own, what it signs through the SDK, and what the venue's journal says of it."""

import secrets
import time
from typing import Any, Protocol

import httpx
from veranta_sdk.signing import LocalSigner, sign_intent


class Sandbox(Protocol):
    """What of the running process these look at."""

    def get(self, path: str, **parameters: str | int) -> httpx.Response: ...

    def post(self, path: str, **body: object) -> httpx.Response: ...


MARKET_OPEN, MARKET_CLOSE, INCREASE = 0, 1, 9
ETH = 0


class Trader:
    """A key of one test alone, and the intents that it signs."""

    def __init__(self) -> None:
        self.key = "0x" + secrets.token_hex(32)
        self.signer = LocalSigner(self.key)
        self.address = self.signer.address

    async def signed_open(self, client: Any, **changes: Any) -> dict[str, str]:
        price = await client.markets.price("ETH/USD")
        wanted = {
            "trader": self.address,
            "pair_index": ETH,
            "is_long": True,
            "collateral_usdc": "100",
            "leverage": "10",
            "open_price": str(price),
            "deadline_ms": int(time.time() * 1000) + 30_000,
        }
        builder = await client.local_intents()
        return self.signed(builder.open_trade(**{**wanted, **changes}))

    async def signed_close(self, client: Any, amount: str | None = None, **changes: Any) -> dict[str, str]:
        (position,) = (await client.account.positions(self.address)).positions
        wanted = {
            "trader": self.address,
            "pair_index": position.pair_index,
            "index": position.index,
            "open_timestamp": position.opened_at,
            "amount_usdc": amount or position.collateral,
            "wanted_price": "3000",
        }
        builder = await client.local_intents()
        return self.signed(builder.close_trade(**{**wanted, **changes}))

    def signed(self, intent: Any) -> dict[str, str]:
        return {
            "userIntent": intent.encoded_intent,
            "userSignature": sign_intent(intent, self.signer).signature,
        }


async def opened(client: Any, trader: Trader, **changes: Any) -> Any:
    """The trader's position in ETH after an opening at the market."""
    await client.engine.batched_market.execute(MARKET_OPEN, await trader.signed_open(client, **changes), None)
    return (await client.account.positions(trader.address)).positions[-1]


def effects(sandbox: Sandbox, trader: Trader) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = sandbox.get("/control/venue/journal", trader=trader.address).json()["effects"]
    return told


def kinds(sandbox: Sandbox, trader: Trader) -> list[str]:
    return [effect["kind"] for effect in effects(sandbox, trader)]


def declined(sandbox: Sandbox, trader: Trader) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = sandbox.get("/control/venue/journal", trader=trader.address).json()["declined"]
    return told


def books(sandbox: Sandbox, trader: Trader) -> dict[str, Any]:
    told: dict[str, Any] = sandbox.get("/control/venue/state", trader=trader.address).json()
    return told


def inject(sandbox: Sandbox, kind: str, service: str = "batched-market", **fault: Any) -> None:
    sandbox.post("/control/faults", **{"service": service, "kind": kind, "count": 1, **fault}).raise_for_status()
