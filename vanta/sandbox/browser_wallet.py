"""A browser wallet with pretended money for each Telegram person, so that the page that connects wallets can be tried.

The page asks it over HTTP what a wallet's extension would be asked (EIP-1193); the person confirms in the browser. Its
keys are made from the person's id and worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer, json_body
from vanta.sandbox.veranta import receipts
from vanta.sandbox.veranta.addresses import CHAIN_ID
from vanta.sandbox.veranta.transactions import NotTaken, send
from vanta.sandbox.world import World

UNSUPPORTED, REFUSED = 4200, -32000
# The page is at another port. The sandbox listens on loopback, and what it holds is worth nothing.
CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "content-type"}
GAS = {"gas": 100_000, "maxFeePerGas": 10**9, "maxPriorityFeePerGas": 10**6, "type": 2, "chainId": CHAIN_ID}
Method = Callable[[list[Any]], Any]


def _account(world: World, person: str) -> LocalAccount:
    """The person's account, which has allowed nobody anything until it says so."""
    account: LocalAccount = Account.from_key(keccak(text=f"vanta sandbox wallet of {person}"))
    if not world.exchange.has_said_allowance(account.address):
        world.exchange.set_allowance(account.address, 0)
    return account


def _methods(world: World, account: LocalAccount) -> dict[str, Method]:
    def sign_typed(asked: list[Any]) -> str:
        typed = json.loads(asked[1])
        kinds = {field["name"]: field["type"] for field in typed["types"][typed["primaryType"]]}
        message = {name: int(v) if kinds[name].startswith("uint") else v for name, v in typed["message"].items()}
        return _hex(account.sign_message(encode_typed_data(full_message={**typed, "message": message})).signature)

    def send_transaction(asked: list[Any]) -> str:
        held = world.exchange.accounts.get(account.address.lower())
        wanted = {"to": asked[0]["to"], "data": asked[0]["data"], "value": 0, "nonce": held.nonce if held else 0, **GAS}
        return str(send(world, _hex(account.sign_transaction(wanted).raw_transaction)))

    return {
        "eth_requestAccounts": lambda _: [account.address],
        "eth_chainId": lambda _: hex(CHAIN_ID),
        "eth_getCode": lambda _: "0x",
        "personal_sign": lambda asked: _hex(
            account.sign_message(encode_defunct(bytes.fromhex(asked[0].removeprefix("0x")))).signature
        ),
        "eth_signTypedData_v4": sign_typed,
        "eth_sendTransaction": send_transaction,
        "eth_getTransactionReceipt": lambda asked: receipts.receipt(world, asked[0]),
    }


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()


def _refusal(code: int, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


def routes(world: World) -> list[BaseRoute]:
    async def ask(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers=CROSS_ORIGIN)
        try:
            asked = await json_body(request)
            method = _methods(world, _account(world, request.path_params["person"])).get(asked["method"])
            told = {"result": method(asked.get("params") or [])} if method else _refusal(UNSUPPORTED, "unsupported")
        except NotTaken as error:
            told = _refusal(REFUSED, str(error))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            told = _refusal(-32602, f"invalid params: {type(error).__name__}")
        return answer(told, headers=CROSS_ORIGIN)

    return [Route("/wallet/{person:int}", ask, methods=["POST", "OPTIONS"])]
