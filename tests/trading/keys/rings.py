"""Key-encryption keys and delegates whose keys they seal."""

import base64
import secrets
from typing import Any

from tests.factories import make_trader
from trading.keys import delegate_keys
from trading.models import Delegate, Trader


def key_text(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def make_delegate(*, trader: Trader | None = None, **changes: Any) -> Delegate:
    """A delegate with a sealed key of its own; settings.KEY_ENCRYPTION_KEYS must have one."""
    address, private_key = delegate_keys.generate()
    delegate = Delegate(
        trader=trader or make_trader(),
        wallet_address=changes.pop("wallet_address", "0x" + secrets.token_hex(20)),
        address=address,
        status=changes.pop("status", Delegate.Status.ACTIVE),
        **changes,
    )
    delegate_keys.seal(delegate, private_key)
    delegate.save()
    return delegate
