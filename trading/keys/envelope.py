"""Envelope encryption of a delegate's private key, AES-256-GCM twice. Pure.

A random data key, one a delegate, encrypts the private key; a key-encryption key, named by its id, wraps the data key.
Both are bound to whom the key belongs to: a blob in another delegate's row does not open. Nothing here shows a key:
not in a repr, not in an error, not as the context of one.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trading.errors import KeyUnavailable

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class BadKeyring(ValueError):
    """KEY_ENCRYPTION_KEYS is not what it should be; the message says where, and never what."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a key belongs to: the associated data of everything that is encrypted here."""

    trader_id: int
    address: str

    def associated(self, purpose: str) -> bytes:
        """What both encryptions are bound to."""
        return f"vanta delegate key|{VERSION}|{purpose}|{self.trader_id}|{self.address}".encode()


@dataclass(frozen=True, slots=True)
class Keyring:
    """Key-encryption keys by id; the first wraps what is new, all unwrap."""

    current_id: str = ""
    _keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64-of-32-bytes,…`, the current one first; an empty text is a ring without keys.

        Raises BadKeyring.
        """
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        keys: dict[str, bytes] = {}
        for number, part in enumerate(parts, start=1):
            key_id, _, encoded = part.partition(":")
            if not KEY_ID.fullmatch(key_id):
                raise BadKeyring(f"entry {number} does not begin with an id and a colon")
            if key_id in keys:
                raise BadKeyring(f"the id {key_id} is there twice")
            keys[key_id] = _key_of(encoded, key_id)
        return cls(next(iter(keys), ""), keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, the current one first."""
        return tuple(self._keys)

    def key(self, key_id: str) -> AESGCM:
        """The cipher of one key-encryption key. Raises KeyUnavailable."""
        if key_id not in self._keys:
            raise KeyUnavailable("no_such_key_encryption_key", key_id=key_id)
        return AESGCM(self._keys[key_id])


def seal(keyring: Keyring, private_key: bytes | bytearray, owner: Owner) -> dict[str, Any]:
    """The private key as it is stored: JSON that only a ring with the same key-encryption key opens.

    Raises KeyUnavailable where the ring has no key.
    """
    data_key = AESGCM.generate_key(bit_length=8 * KEY_BYTES)
    return {
        "version": VERSION,
        "key_id": keyring.current_id,
        "data_key": _wrap(keyring, data_key, owner),
        "private_key": _encrypt(AESGCM(data_key), bytes(private_key), owner.associated("private key")),
    }


def open_sealed(keyring: Keyring, sealed: Mapping[str, Any] | None, owner: Owner) -> bytes:
    """The private key. Raises KeyUnavailable where ring, owner or blob are others than when it was sealed."""
    data_key = _unwrap(keyring, sealed, owner)
    return _decrypt(AESGCM(data_key), _part(sealed, "private_key"), owner.associated("private key"))


def rewrap(keyring: Keyring, sealed: Mapping[str, Any] | None, owner: Owner) -> dict[str, Any]:
    """The same envelope, its data key under the ring's current key; the private key is not decrypted.

    Raises KeyUnavailable.
    """
    data_key = _unwrap(keyring, sealed, owner)
    return {**(sealed or {}), "key_id": keyring.current_id, "data_key": _wrap(keyring, data_key, owner)}


def _wrap(keyring: Keyring, data_key: bytes, owner: Owner) -> str:
    key_id = keyring.current_id
    return _encrypt(keyring.key(key_id), data_key, owner.associated(f"data key under {key_id}"))


def _unwrap(keyring: Keyring, sealed: Mapping[str, Any] | None, owner: Owner) -> bytes:
    if not sealed or sealed.get("version") != VERSION:
        raise KeyUnavailable("no_sealed_key", delegate=owner.address)
    key_id = str(sealed.get("key_id", ""))
    return _decrypt(keyring.key(key_id), _part(sealed, "data_key"), owner.associated(f"data key under {key_id}"))


def _encrypt(cipher: AESGCM, plain: bytes, associated: bytes) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, plain, associated)).decode()


def _decrypt(cipher: AESGCM, encoded: str, associated: bytes) -> bytes:
    blob = _decoded(encoded)
    try:
        plain = cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):  # too short for a nonce counts as well
        plain = b""
    if len(plain) != KEY_BYTES:
        raise KeyUnavailable("sealed_key_does_not_open")
    return plain


def _part(sealed: Mapping[str, Any] | None, name: str) -> str:
    part = (sealed or {}).get(name)
    return part if isinstance(part, str) else ""


def _decoded(encoded: str) -> bytes:
    """Only the one text that encodes these bytes: a changed padding bit is a changed blob."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return blob if base64.b64encode(blob).decode() == encoded else b""


def _key_of(encoded: str, key_id: str) -> bytes:
    key = _decoded(encoded.strip())
    if len(key) != KEY_BYTES:
        raise BadKeyring(f"the key {key_id} is not {KEY_BYTES} bytes in base64")
    return key
