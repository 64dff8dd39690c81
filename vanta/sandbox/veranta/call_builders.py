"""The tx-builder's calldata, from the parameters that the SDK sends; a `delegate` wraps the call for its trader."""

from __future__ import annotations

from collections.abc import Callable

from eth_utils.address import to_checksum_address

from vanta.sandbox.faults import Fault
from vanta.sandbox.http import Json
from vanta.sandbox.tamper import changed
from vanta.sandbox.veranta.abi import encode_call
from vanta.sandbox.veranta.addresses import CHAIN_ID, TRADING_ROUTER, TRADING_STORAGE, USDC
from vanta.sandbox.veranta.adjusting import DEPOSIT, WITHDRAW
from vanta.sandbox.veranta.intent_builders import ORDER_TYPES, raw, slippage, trade_of, update_of, with_numbers
from vanta.sandbox.veranta.positions import PRICE_RAW, USDC_RAW
from vanta.sandbox.world import World

_MAX = 2**256 - 1
_ACTIONS = {"deposit": DEPOSIT, "withdraw": WITHDRAW}


def _open(world: World, asked: Json) -> tuple[str, Json]:
    order_type = ORDER_TYPES[asked.get("orderType", "market")]
    return "openTrade", {"trade": trade_of(world, asked), "orderType": order_type, "slippageP": slippage(asked)}


def _increase(world: World, asked: Json) -> tuple[str, Json]:
    return "increasePosition", {"info": update_of(world, asked), "slippageP": slippage(asked)}


def _close(_: World, asked: Json) -> tuple[str, Json]:
    place = {"pairIndex": int(asked["pairIndex"]), "index": int(asked["tradeIndex"])}
    return "closeTradeMarket", {**place, "amount": raw(asked["collateralToCloseUsdc"], USDC_RAW)}


def _margin(_: World, asked: Json) -> tuple[str, Json]:
    proof = bytes.fromhex(str(asked.get("priceUpdateData", "")).removeprefix("0x"))
    return "updateMargin", {
        "pairIndex": int(asked["pairIndex"]),
        "index": int(asked["tradeIndex"]),
        "action": _ACTIONS[asked["action"]],
        "amount": raw(asked["collateralUsdc"], USDC_RAW),
        "priceUpdateData": proof,
    }


def _update_order(_: World, asked: Json) -> tuple[str, Json]:
    return "updateOpenLimitOrder", {
        "pairIndex": int(asked["pairIndex"]),
        "index": int(asked["orderIndex"]),
        "price": raw(asked["price"], PRICE_RAW),
        "slippageP": slippage(asked),
        "tp": raw(asked.get("takeProfit", 0), PRICE_RAW),
        "sl": raw(asked.get("stopLoss", 0), PRICE_RAW),
    }


def _cancel_order(_: World, asked: Json) -> tuple[str, Json]:
    return "cancelOpenLimitOrder", {"pairIndex": int(asked["pairIndex"]), "index": int(asked["orderIndex"])}


def _approve(_: World, asked: Json) -> tuple[str, Json]:
    amount = _MAX if asked.get("amountUsdc") is None else raw(asked["amountUsdc"], USDC_RAW)
    return "approve", {"spender": to_checksum_address(asked.get("spender") or TRADING_STORAGE), "amount": amount}


def _remove_delegate(_: World, asked: Json) -> tuple[str, Json]:
    return "removeDelegate", {"delegate": to_checksum_address(asked["delegate"])}


BUILDERS: dict[str, Callable[[World, Json], tuple[str, Json]]] = {
    "trade/open": _open,
    "position/increase": _increase,
    "trade/close": _close,
    "margin/update": _margin,
    "limit/update": _update_order,
    "limit/cancel": _cancel_order,
    "token/approve": _approve,
    "delegate/remove": _remove_delegate,
}


def build_call(world: World, name: str, asked: Json, fault: Fault | None) -> Json:
    """The call of one of `BUILDERS`; a fault of the kind tamper changes its arguments."""
    function, arguments = BUILDERS[name](world, asked)
    if fault is not None:
        arguments = changed(arguments, with_numbers(fault.changes))
    trader = to_checksum_address(asked["trader"])
    data, sender, to = encode_call(function, arguments), trader, TRADING_ROUTER
    if function == "approve":
        to = USDC
    elif asked.get("delegate") and function != "removeDelegate":
        sender = to_checksum_address(asked["delegate"])
        data = encode_call("delegatedAction", {"trader": trader, "call": data})
    return {
        "to": to,
        "from": sender,
        "data": "0x" + data.hex(),
        "value": "0x0",
        "chainId": CHAIN_ID,
        "description": f"{function}({name})",
    }
