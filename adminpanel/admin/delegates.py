"""Delegates, read only. What unlocks a key is not shown, not even encrypted."""

from django.contrib import admin
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    badge,
    badge_column,
    link_column,
    money,
    shortened,
    text_column,
    time_column,
    usd_column,
)
from trading.models import Delegate
from trading.models.delegates import UNLIMITED_USD

STATUS_COLOURS = {
    "requested": "info",
    "prepared": "info",
    "signed": "info",
    "active": "success",
    "revoked": "",
    "expired": "",
    "failed": "danger",
}


@admin.register(Delegate)
class DelegateAdmin(ReadOnlyAdmin):
    """Whose wallet, which delegate, until when."""

    list_display = ("id", "person", "status_badge", "wallet_short", "expires", "allowance", "balance", "why")
    list_filter = ("status", "key_id")
    search_fields = ("=wallet_address", "=address", "=trader__telegram_id", "trader__username")
    list_select_related = ("trader",)
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": (("status_badge", "person"), ("wallet", "delegate"), ("expires", "why"))}),
        (
            "Funds",
            {
                "fields": (
                    ("balance", "allowance", "funds_read"),
                    ("chain_balance", "chain_allowance", "chain_read"),
                    ("differ", "disputed"),
                )
            },
        ),
        ("Key", {"fields": (("key_id",),)}),
        ("Course", {"fields": (("created", "activated"), ("ended", "next_check"))}),
    )
    person = link_column("trader")
    status_badge = badge_column("status", STATUS_COLOURS, "status")

    @display(description="allowance", ordering="allowance_usd")  # type: ignore[untyped-decorator]
    def allowance(self, delegate: Delegate) -> str:
        """An unlimited one has too many digits to read."""
        return badge("unlimited", "warning") if delegate.is_unlimited else money(delegate.allowance_usd)

    @display(description="allowance on the chain")  # type: ignore[untyped-decorator]
    def chain_allowance(self, delegate: Delegate) -> str:
        """What the USDC contract says."""
        amount = delegate.chain_allowance_usd
        return badge("unlimited", "warning") if (amount or 0) >= UNLIMITED_USD else money(amount)

    @display(description="wallet", ordering="wallet_address")  # type: ignore[untyped-decorator]
    def wallet_short(self, delegate: Delegate) -> str:
        """By its two ends."""
        return shortened(delegate.wallet_address)

    wallet = text_column("wallet_address", "wallet")
    delegate = text_column("address", "delegate")
    why = text_column("reason", "why it ended")
    expires = time_column("expires_at", "expires")
    balance = usd_column("balance_usd", "balance")
    funds_read = time_column("funds_read_at", "read at")
    chain_balance = usd_column("chain_balance_usd", "balance on the chain")
    chain_read = time_column("chain_read_at", "chain read at")
    differ = time_column("funds_differ_since", "they differ since")
    disputed = time_column("funds_disputed_since", "no openings since")
    created = time_column("created_at", "requested")
    activated = time_column("activated_at", "active since")
    ended = time_column("ended_at", "ended")
    next_check = time_column("next_check_at", "next look")
