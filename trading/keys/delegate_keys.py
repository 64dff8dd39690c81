"""A delegate's private key: made, sealed into its row, opened for the moment of signing. Signing worker only."""

import contextlib
import secrets
from collections.abc import Iterator
from functools import cache

from django.conf import settings
from eth_keys.datatypes import PrivateKey
from eth_utils.exceptions import ValidationError

from trading.errors import KeyUnavailable
from trading.keys import envelope
from trading.keys.envelope import KEY_BYTES, Keyring, Owner
from trading.models import Delegate


def keyring() -> Keyring:
    """This process's key-encryption keys; none outside the signing worker."""
    return _keyring(settings.KEY_ENCRYPTION_KEYS)


@cache
def _keyring(text: str) -> Keyring:
    return Keyring.parse(text)


def generate() -> tuple[str, bytearray]:
    """A new key and its checksummed address. Hand the key to `wipe` once it is sealed."""
    while True:
        private_key = secrets.token_bytes(KEY_BYTES)
        with contextlib.suppress(ValidationError):  # one in 2^128 is no key of the curve
            return PrivateKey(private_key).public_key.to_checksum_address(), bytearray(private_key)


def seal(delegate: Delegate, private_key: bytes | bytearray) -> None:
    """Put the sealed key into the row, whose trader and address it is bound to; the caller saves. KeyUnavailable."""
    delegate.wrapped_key = envelope.seal(keyring(), private_key, _owner(delegate))
    delegate.key_id = keyring().current_id


def rewrap(delegate: Delegate) -> None:
    """Put the row's data key under the current key-encryption key; the caller saves. Raises KeyUnavailable."""
    delegate.wrapped_key = envelope.rewrap(keyring(), delegate.wrapped_key, _owner(delegate))
    delegate.key_id = keyring().current_id


@contextlib.contextmanager
def private_key(delegate: Delegate) -> Iterator[bytes]:
    """The key, for the moment of signing: let nothing keep it. Raises KeyUnavailable, also where it is another's.

    Python may have copied it meanwhile; what is ended here is our reference.
    """
    key = envelope.open_sealed(keyring(), delegate.wrapped_key, _owner(delegate))
    try:
        if PrivateKey(key).public_key.to_checksum_address() != delegate.address:
            raise KeyUnavailable("sealed_key_is_another", delegate=delegate.address)
        yield key
    finally:
        del key


def wipe(private_key: bytearray) -> None:
    """Overwrite a key that is not needed any more."""
    private_key[:] = bytes(len(private_key))


def _owner(delegate: Delegate) -> Owner:
    return Owner(delegate.trader_id, delegate.address)
