"""Keeps the chats and the venue's books across restarts: a file with the newest messages and all books, written when
something changed and at the end.

Prices are not kept, so that the market begins where the catalogue says and the examples of the documentation hold; only
a market in which something is open goes on from where it was, so that a restart liquidates nobody.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

from vanta.sandbox.http import Json, dumps
from vanta.sandbox.telegram.chats import Chat
from vanta.sandbox.telegram.formatting import Formatted
from vanta.sandbox.telegram.messages import Attachment, Message
from vanta.sandbox.veranta.exchange import Exchange
from vanta.sandbox.world import World

VERSION = 1
KEPT_CHATS, KEPT_MESSAGES, KEPT_FILES = 20, 100, 20


def save(world: World, path: Path) -> None:
    """Replaces the file in one step, readable by its owner only."""
    beside = path.with_suffix(".new")
    beside.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(dumps(_described(world)))
    beside.replace(path)


def restore(world: World, path: Path) -> None:
    """Takes over what an earlier run wrote; a file that cannot be read is said so and left behind."""
    if not path.exists():
        return
    try:
        told: Json = json.loads(path.read_bytes())
        chats = [_chat(known) for known in told["chats"]]
        files = [(file_id, name, base64.b64decode(content)) for file_id, name, content in told["files"]]
        pending = [(int(chat_id), dict(update)) for chat_id, update in told["pending"]]
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"sandbox: {path} is not read ({type(error).__name__}), the chats begin anew\n")
        return
    for chat in chats:
        world.chats.take_over(chat)
    for file_id, name, content in files:
        world.chats.files.put(name, content, file_id)
    for chat_id, update in pending:
        world.delivery.put(chat_id, update)
    world.chats.commands = told.get("commands", [])
    _restore_venue(world, path, told.get("venue"))


def _restore_venue(world: World, path: Path, told: Json | None) -> None:
    """The books as they were, or new ones beside a copy of a file that cannot be read."""
    if told is None:
        return
    try:
        prices = {str(symbol): float(price) for symbol, price in told["prices"].items()}
        Exchange(world.blocks).restore(told["books"])
    except (ValueError, KeyError, TypeError) as error:
        kept = path.with_suffix(".unread")
        kept.write_bytes(path.read_bytes())
        sys.stderr.write(f"sandbox: the venue's books are not read ({type(error).__name__}); they are kept in {kept}\n")
        return
    known = world.market.prices()
    for symbol in prices.keys() & known.keys():
        world.market.set_price(symbol, prices[symbol], time.time())
    world.exchange.restore(told["books"])


def traffic(world: World) -> int:
    """A number that changes whenever a chat may have changed."""
    return sum(world.served[service]["requests"] for service in ("telegram", "page", "control"))


def _described_venue(world: World) -> Json:
    pairs = {position.pair_index for position in world.exchange.positions}
    pairs |= {order.pair_index for order in world.exchange.resting}
    symbols = {spec.price_symbol for spec in world.listing.pairs if spec.index in pairs}
    prices = world.market.prices()
    return {"books": world.exchange.described(), "prices": {symbol: prices[symbol] for symbol in symbols}}


def _described(world: World) -> Json:
    chats = world.chats.all()
    chats.sort(key=lambda chat: (not chat.is_demo, -chat.last_message_id))
    kept = chats[:KEPT_CHATS]
    return {
        "version": VERSION,
        "commands": world.chats.commands,
        "chats": [_described_chat(chat) for chat in kept],
        "files": [
            (file_id, file.name, base64.b64encode(file.content).decode())
            for file_id, file in world.chats.files.newest(KEPT_FILES)
        ],
        "pending": world.delivery.waiting(),
        "venue": _described_venue(world),
    }


def _described_chat(chat: Chat) -> Json:
    newest = list(chat.messages.values())[-KEPT_MESSAGES:]
    return {
        "person": chat.person,
        "role": chat.role,
        "is_blocked": chat.is_blocked,
        "is_demo": chat.is_demo,
        "last_message_id": chat.last_message_id,
        "messages": [asdict(message) for message in newest],
    }


def _chat(known: Json) -> Chat:
    messages = [_message(told) for told in known.pop("messages")]
    return Chat(**known, messages=OrderedDict((message.message_id, message) for message in messages))


def _message(told: Json) -> Message:
    attachment = told.pop("attachment")
    content = Formatted(**told.pop("content"))
    return Message(**told, content=content, attachment=Attachment(**attachment) if attachment else None)
