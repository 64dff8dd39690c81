"""Base's JSON-RPC over HTTP, single and batched requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.chain import Chain, Reverted
from vanta.sandbox.http import Json, answer
from vanta.sandbox.veranta import receipts
from vanta.sandbox.veranta.accounts import Wallet
from vanta.sandbox.veranta.addresses import CHAIN_ID
from vanta.sandbox.veranta.transactions import NotTaken, send
from vanta.sandbox.world import World

GAS_PRICE = 6_000_000
ETH_BALANCE = 10**18
Method = Callable[[list[Any]], Any]
_TAGS = frozenset({"latest", "pending", "safe", "finalized"})


def _methods(world: World) -> dict[str, Method]:
    chain = Chain(world)

    def wallets(address: str) -> Wallet:
        return world.exchange.accounts.get(address.lower(), Wallet(address))

    def block_number_of(tag: Any) -> int:
        if tag in _TAGS or tag is None:
            return chain.block_number()
        return 0 if tag == "earliest" else int(tag, 16)

    def block_by_hash(wanted: str) -> Json | None:
        newest = chain.block_number()
        recent = (chain.block(number) for number in range(newest, newest - 300, -1))
        return next((block for block in recent if block and block["hash"] == wanted), None)

    return {
        "eth_chainId": lambda _: hex(CHAIN_ID),
        "net_version": lambda _: str(CHAIN_ID),
        "web3_clientVersion": lambda _: "vanta-sandbox/1.0",
        "eth_syncing": lambda _: False,
        "eth_blockNumber": lambda _: hex(chain.block_number()),
        "eth_getBlockByNumber": lambda asked: chain.block(block_number_of(asked[0])),
        "eth_getBlockByHash": lambda asked: block_by_hash(asked[0]),
        "eth_call": lambda asked: chain.call(asked[0].get("to", ""), asked[0].get("data") or asked[0].get("input", "")),
        "eth_getBalance": lambda _: hex(ETH_BALANCE),
        "eth_getCode": lambda asked: wallets(asked[0]).code,
        "eth_getTransactionCount": lambda asked: hex(wallets(asked[0]).nonce),
        "eth_getTransactionByHash": lambda asked: receipts.transaction(world, asked[0]),
        "eth_getTransactionReceipt": lambda asked: receipts.receipt(world, asked[0]),
        "eth_getLogs": lambda asked: receipts.logs(world, asked[0]),
        "eth_sendRawTransaction": lambda asked: send(world, asked[0]),
        "eth_gasPrice": lambda _: hex(GAS_PRICE),
        "eth_maxPriorityFeePerGas": lambda _: hex(1_000_000),
        "eth_estimateGas": lambda _: hex(21_000),
    }


def _refusal(request_id: Any, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def _one(methods: dict[str, Method], asked: Any) -> Json:
    if not isinstance(asked, dict) or "method" not in asked:
        return _refusal(None, -32600, "invalid request")
    request_id, method = asked.get("id"), methods.get(asked["method"])
    if method is None:
        return _refusal(request_id, -32601, f"the method {asked['method']} does not exist/is not available")
    try:
        return {"jsonrpc": "2.0", "id": request_id, "result": method(asked.get("params") or [])}
    except Reverted as error:
        return _refusal(request_id, 3, str(error))
    except NotTaken as error:
        return _refusal(request_id, -32000, str(error))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):
        return _refusal(request_id, -32602, "invalid params")


def routes(world: World) -> list[BaseRoute]:
    methods = _methods(world)

    async def serve(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
        except ValueError:
            return answer(_refusal(None, -32700, "parse error"))
        if isinstance(asked, list):
            return answer([_one(methods, one) for one in asked])
        return answer(_one(methods, asked))

    return [Route("/rpc", serve, methods=["POST"])]
