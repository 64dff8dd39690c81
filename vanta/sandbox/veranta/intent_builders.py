"""The tx-builder's ready-to-sign intents, from the parameters that the SDK sends (human units, numbers as strings)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from decimal import Decimal

from eth_utils.address import to_checksum_address

from vanta.sandbox.faults import Fault
from vanta.sandbox.http import Json
from vanta.sandbox.tamper import changed
from vanta.sandbox.veranta.intents import DOMAIN, STRUCTS, encode_intent, intent_digest, typed_data_types
from vanta.sandbox.veranta.positions import PRICE_RAW, USDC_RAW
from vanta.sandbox.veranta.pricing import mark_price, pair_of
from vanta.sandbox.world import World

DEADLINE_MS = 120_000
ORDER_TYPES = {"market": 0, "stop_limit": 1, "limit": 2, "market_pnl": 3}
_PARTIAL = {"take_profit": 4, "stop_loss": 5}


def raw(value: object, factor: int) -> int:
    return int(Decimal(str(value)) * factor)


def wanted_price(world: World, asked: Json, name: str) -> int:
    """The price that an order names, or the present one."""
    if asked.get(name) is not None:
        return raw(asked[name], PRICE_RAW)
    return mark_price(world, pair_of(world, int(asked["pairIndex"])))


def is_long(asked: Json) -> bool:
    if asked["side"] not in {"long", "short"}:
        raise ValueError("side must be long or short")
    return bool(asked["side"] == "long")


def trade_of(world: World, asked: Json) -> Json:
    """The struct Trade of an opening."""
    return {
        "trader": to_checksum_address(asked["trader"]),
        "pairIndex": int(asked["pairIndex"]),
        "index": 0,
        "initialPosToken": 0,
        "positionSizeUSDC": raw(asked["collateralUsdc"], USDC_RAW),
        "openPrice": wanted_price(world, asked, "openPrice"),
        "buy": is_long(asked),
        "leverage": raw(asked["leverage"], PRICE_RAW),
        "tp": raw(asked.get("takeProfit", 0), PRICE_RAW),
        "sl": raw(asked.get("stopLoss", 0), PRICE_RAW),
        "timestamp": 0,
    }


def update_of(world: World, asked: Json) -> Json:
    """The struct UpdatePositionSize of an increase."""
    return {
        "trader": to_checksum_address(asked["trader"]),
        "pairIndex": int(asked["pairIndex"]),
        "index": int(asked["tradeIndex"]),
        "openPrice": wanted_price(world, asked, "openPrice"),
        "initialPosToken": raw(asked["additionalCollateralUsdc"], USDC_RAW),
        "leverage": raw(asked["leverage"], PRICE_RAW),
    }


def slippage(asked: Json) -> int:
    return raw(asked.get("slippagePercent", 1), PRICE_RAW)


def _open(world: World, asked: Json) -> tuple[str, Json]:
    order_type = ORDER_TYPES[asked.get("orderType", "market")]
    return "OpenTradeReq", {"_t": trade_of(world, asked), "_type": order_type, "_slippageP": slippage(asked)}


def _increase(world: World, asked: Json) -> tuple[str, Json]:
    return "IncreasePositionSizeReq", {"_updateInfo": update_of(world, asked), "_slippageP": slippage(asked)}


def _close(world: World, asked: Json) -> tuple[str, Json]:
    message = {
        "_trader": to_checksum_address(asked["trader"]),
        "_pairIndex": int(asked["pairIndex"]),
        "_index": int(asked["tradeIndex"]),
        "_openTimestamp": _opened_at_s(world, asked),
        "_amount": raw(asked["collateralToCloseUsdc"], USDC_RAW),
        "_wantedPrice": wanted_price(world, asked, "expectedPrice"),
    }
    return "CloseTradeReq", message


def _partial(world: World, asked: Json) -> tuple[str, Json]:
    message = {
        "trader": to_checksum_address(asked["trader"]),
        "pairIndex": int(asked["pairIndex"]),
        "index": int(asked["tradeIndex"]),
        "triggerType": 1 if asked["triggerType"] == "percentage" else 0,
        "coinSize": raw(asked["coinExposure"], PRICE_RAW),
        "buy": is_long(asked),
        "price": raw(asked.get("price", 0), PRICE_RAW),
        "percentage": raw(asked.get("percentage", 0), PRICE_RAW),
        "timestamp": _opened_at_s(world, asked),
        "signTimestamp": world.blocks.now_ms(),
        "orderType": _PARTIAL[asked["kind"]],
    }
    return "TpSlReq", message


def _opened_at_s(world: World, asked: Json) -> int:
    if asked.get("openTimestamp") is not None:
        return int(asked["openTimestamp"])
    found = world.exchange.find(asked["trader"], int(asked["pairIndex"]), int(asked["tradeIndex"]))
    if found is None:
        raise ValueError("no such trade")
    return found.opened_at_s


BUILDERS: dict[str, Callable[[World, Json], tuple[str, Json]]] = {
    "open": _open,
    "increase": _increase,
    "close": _close,
    "tpsl-partial": _partial,
}


def build_intent(world: World, name: str, asked: Json, fault: Fault | None) -> Json:
    """The payload of one of `BUILDERS`; a fault of the kind tamper makes it something else than was asked for."""
    kind, message = BUILDERS[name](world, asked)
    fields = {field for field, _ in STRUCTS[kind]}
    own = {"_deadline": world.blocks.now_ms() + DEADLINE_MS, "_nonce": secrets.randbits(256)}
    own |= {name.removeprefix("_"): value for name, value in own.items()}
    message |= {field: value for field, value in own.items() if field in fields}
    other = _tampered(message, fault)
    what = fault.what if fault else ""
    shown = other if what == "message" else message
    signed = other if what in {"message", "digest"} else message
    encoded = other if what in {"message", "encodedIntent"} else message
    return {
        "intent": kind,
        "signerRule": "trader-or-delegate",
        "domain": DOMAIN,
        "primaryType": kind,
        "types": typed_data_types(kind),
        "message": _stringified(shown),
        "digest": "0x" + intent_digest(kind, signed).hex(),
        "encodedIntent": encode_intent(kind, encoded),
        "meta": {},
    }


def _tampered(message: Json, fault: Fault | None) -> Json:
    """The message with the fault's changes; numbers may come as strings."""
    if fault is None:
        return message
    nonce = "_nonce" if "_nonce" in message else "nonce"
    default = {nonce: message[nonce] ^ 1} if not fault.changes else fault.changes
    found: Json = changed(message, with_numbers(default))
    return found


def with_numbers(changes: Json) -> Json:
    """The changes of a fault, in which long integers come as strings."""
    return {path: int(v) if isinstance(v, str) and v.isdigit() else v for path, v in changes.items()}


def _stringified(message: Json) -> Json:
    told: Json = {}
    for name, value in message.items():
        if isinstance(value, dict):
            told[name] = _stringified(value)
        else:
            told[name] = value if isinstance(value, bool | str) else str(value)
    return told
