"""The double-entry ledger: transactions, each with entries that sum to zero."""

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin, ReadOnlyInline
from adminpanel.admin.columns import (
    MODE_COLOURS,
    badge,
    badge_column,
    figure,
    link_column,
    number_link_column,
    text_column,
    time_column,
    usd_column,
)
from trading.models import LedgerEntry, LedgerTransaction
from trading.models.traders import Mode
from vanta.money import ZERO, format_usd

KIND_COLOURS = {"deposit": "info", "open": "success", "close": "", "liquidation": "danger"}


class EntryInline(ReadOnlyInline):
    """Both sides, and more, of the transaction."""

    model = LedgerEntry
    verbose_name_plural = "Entries"
    fields = ("account", "trader_link", "mode_badge", "amount")
    readonly_fields = fields
    show_change_link = False
    trader_link = link_column("trader")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    amount = usd_column("amount_usd")


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnlyAdmin):
    """Reasons for money to move."""

    list_display = ("id", "booked_at", "kind_badge", "reference_shown", "order_number", "free_change", "balance")
    list_display_links = ("id", "reference_shown")
    list_filter = ("kind", "entries__mode", "at")
    search_fields = ("reference", "=order__id", "=trace_id", "entries__trader__username", "entries__trader__first_name")
    list_select_related = ("order",)
    ordering = ("-id",)
    inlines = (EntryInline,)
    list_before_template = "adminpanel/ledger_total.html"
    fieldsets = ((None, {"fields": (("kind_badge", "booked_at"), ("reference", "order_link"), ("balance", "trace"))}),)
    booked_at = time_column("at")
    reference_shown = text_column("reference")
    trace = text_column("trace_id")
    kind_badge = badge_column("kind", KIND_COLOURS, "kind")
    order_link = link_column("order")
    order_number = number_link_column("order")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransaction]:
        """With the entries, which the columns sum up."""
        rows: QuerySet[LedgerTransaction] = super().get_queryset(request)
        return rows.prefetch_related("entries")

    @display(description="free balance")  # type: ignore[untyped-decorator]
    def free_change(self, booking: LedgerTransaction) -> str:
        """What it did to the trader's free balance."""
        change = sum((entry.amount_usd for entry in booking.entries.all() if entry.account == "free"), ZERO)
        return figure(f"+{format_usd(change)}" if change > 0 else format_usd(change))

    @display(description="sum of entries")  # type: ignore[untyped-decorator]
    def balance(self, booking: LedgerTransaction) -> str:
        """Zero, or something is badly wrong."""
        total = sum((entry.amount_usd for entry in booking.entries.all()), ZERO)
        return badge("0.00", "success") if total == 0 else badge(str(total), "danger")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> object:
        """The sums over all of the ledger stand above the list, one for each execution mode."""
        sums = LedgerEntry.objects.values_list("mode").annotate(total=Sum("amount_usd")).order_by()
        totals = [(mode, dict(sums).get(mode, ZERO).normalize()) for mode in Mode.values]
        return super().changelist_view(request, {**(extra_context or {}), "ledger_totals": totals})
