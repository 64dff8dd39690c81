"""Ending a delegate with its key, and what its trader is told; for whoever ends one, with or without access to keys."""

from trading import outbox
from trading.models import Delegate
from vanta import audit

CHAIN_ID = 8453  # Base, where the venue is


def end_delegate(delegate: Delegate, status: str, reason: str, *, actor: str) -> None:
    """Delete the key and record why, in the caller's transaction, which holds the row's lock."""
    delegate.end(status, reason)
    delegate.save(update_fields=Delegate.ENDING)
    record(delegate, "delegate.end", reason, actor=actor)


def record(delegate: Delegate, action: str, reason: str = "", *, actor: str) -> None:
    """The audit entry of what happened to a delegate; last in the transaction."""
    after = {"status": delegate.status, "address": delegate.address, "wallet": delegate.wallet_address}
    audit.append(actor=actor, action=action, subject=f"trader:{delegate.trader_id}", after=after, reason=reason)


def owe_news(delegate: Delegate, news: str) -> None:
    """Owe the trader's chat what happened to a delegate, in the caller's transaction."""
    outbox.owe(delegate.trader.chat_id, outbox.DELEGATE_NEWS, {"delegate": delegate.pk, "news": news})
