"""The admin's pages, one file a subject; importing this registers them."""

from adminpanel.admin import controls, ledger, losses, markets, messages, orders, positions, traders, users

__all__ = ["controls", "ledger", "losses", "markets", "messages", "orders", "positions", "traders", "users"]
