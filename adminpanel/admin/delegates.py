"""Delegates, read only. What unlocks a key is not shown, not even encrypted."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    NOTHING,
    badge,
    badge_column,
    link_column,
    money,
    shortened,
    text_column,
    time_column,
    two_lines,
    usd_column,
)
from trading.models import Delegate
from trading.models.delegates import UNLIMITED_USD
from trading.telegram import time_words
from vanta import clock

STATUS_COLOURS = {
    "requested": "info",
    "prepared": "info",
    "signed": "info",
    "active": "success",
    "revoked": "",
    "expired": "",
    "failed": "danger",
}


SPANS = {"1": "within 24 hours", "3": "within 3 days", "7": "within 7 days"}
SOON, VERY_SOON = dt.timedelta(days=7), dt.timedelta(days=1)


class ExpiryFilter(admin.SimpleListFilter):
    """Active ones that end by themselves soon: their traders have to connect anew."""

    title = "expires"
    parameter_name = "expires"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """As traders are warned."""
        return list(SPANS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delegate]) -> QuerySet[Delegate]:
        """By days; anything else is no filter."""
        if self.value() not in SPANS:
            return queryset
        until = clock.now() + dt.timedelta(days=int(str(self.value())))
        return queryset.filter(status=Delegate.Status.ACTIVE, expires_at__lt=until)


@admin.register(Delegate)
class DelegateAdmin(ReadOnlyAdmin):
    """Whose wallet, which delegate, until when."""

    list_display = ("id", "person", "status_badge", "wallet_short", "expiry", "allowance", "balance", "why")
    list_filter = ("status", ExpiryFilter, "key_id")
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

    @display(description="expires", ordering="expires_at")  # type: ignore[untyped-decorator]
    def expiry(self, delegate: Delegate) -> str:
        """When, and for how long an active one still lasts."""
        if delegate.expires_at is None:
            return NOTHING
        shown = f"{delegate.expires_at:%Y-%m-%d %H:%M}"
        left = delegate.expires_at - clock.now()
        if delegate.status != Delegate.Status.ACTIVE:
            return two_lines(shown, "")
        colour = "danger" if left < VERY_SOON else "warning" if left < SOON else ""
        ms = round(left.total_seconds() * 1000)
        return two_lines(shown, badge(f"in {time_words.age(ms)}" if ms > 0 else "over", colour))

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
