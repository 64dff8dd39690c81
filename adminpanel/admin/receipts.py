"""What the chain itself says of LIVE fills."""

from typing import Any

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import badge_column, link_column, text_column, time_column
from trading.models import Receipt

OUTCOME_COLOURS = {"ok": "success", **{str(outcome): "danger" for outcome in Receipt.CONTRADICTED}}


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """Looked at after each LIVE fill; `manage.py accept_receipt` accepts what the chain contradicts."""

    nothing_yet = "No LIVE fill has named a transaction yet."

    list_display = ("transaction", "fill_link", "outcome_badge", "block", "checked", "accepted")
    list_filter = ("outcome", ("accepted_at", admin.EmptyFieldListFilter))
    search_fields = ("=transaction_hash", "=fill__order__id")
    list_select_related = ("fill",)
    ordering = ("-pk",)
    fieldsets: Any = (
        (
            None,
            {
                "fields": (
                    ("transaction", "fill_link"),
                    ("outcome_badge", "accepted"),
                    ("block", "mined"),
                    ("checked", "looks", "again"),
                )
            },
        ),
    )
    transaction = text_column("transaction_hash", "transaction")
    fill_link = link_column("fill", "fill")
    outcome_badge = badge_column("outcome", OUTCOME_COLOURS, "the chain says")
    block = text_column("block_number", "block")
    mined = time_column("block_at", "mined")
    checked = time_column("checked_at", "checked")
    accepted = time_column("accepted_at", "accepted")
    again = time_column("next_check_at", "looked at again")
