"""The admin's pages, one file a subject; importing this registers them."""

from adminpanel.admin import (
    breaches,
    controls,
    days,
    delegates,
    ledger,
    losses,
    markets,
    messages,
    orders,
    policies,
    positions,
    preflights,
    receipts,
    traders,
    users,
    venue,
)

__all__ = [
    "breaches",
    "controls",
    "days",
    "delegates",
    "ledger",
    "losses",
    "markets",
    "messages",
    "orders",
    "policies",
    "positions",
    "preflights",
    "receipts",
    "traders",
    "users",
    "venue",
]
