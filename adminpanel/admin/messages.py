"""Messages: what came from Telegram and what is owed to it."""

from html import unescape

from django.contrib import admin
from django.utils.html import strip_tags
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    NOTHING,
    badge_column,
    json_column,
    link_column,
    number_link_column,
    text_column,
    time_column,
    words,
)
from trading.models import OutboxMessage, TelegramUpdate

OUTBOX_COLOURS = {"pending": "info", "sent": "success", "dead": "danger", "superseded": ""}
UPDATE_COLOURS = {"new": "info", "done": "success", "ignored": "", "failed": "danger"}
PREVIEW = 60


def _preview(text: str) -> str:
    text = " ".join(text.split())
    return words(f"{text[:PREVIEW]}…" if len(text) > PREVIEW else text or NOTHING)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Calls of the Bot API that are or were owed to a chat."""

    list_display = (
        "id",
        "created",
        "status_badge",
        "chat_id",
        "text",
        "order_number",
        "attempts",
        "error",
    )
    list_filter = ("status", "method")
    search_fields = ("=id", "=chat_id", "=trace_id", "=order__id")
    list_select_related = ("order",)
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {"fields": (("status_badge", "method"), ("chat_id", "telegram_message_id"), ("order_link", "trace"))},
        ),
        ("Delivery", {"fields": (("created", "sent", "next_attempt"), ("attempts", "error"))}),
        ("Content", {"fields": ("payload_shown",)}),
    )
    status_badge = badge_column("status", OUTBOX_COLOURS, "status")
    created = time_column("created_at", "created")
    sent = time_column("sent_at", "sent")
    trace = text_column("trace_id")
    next_attempt = time_column("next_attempt_at", "next attempt")
    error = text_column("last_error")
    order_link = link_column("order")
    order_number = number_link_column("order")
    payload_shown = json_column("payload")

    @display(description="text")  # type: ignore[untyped-decorator]
    def text(self, message: OutboxMessage) -> str:
        """The beginning of what the trader reads; the method's name where that is no text."""
        payload = message.payload if isinstance(message.payload, dict) else {}
        words = payload.get("text") or payload.get("caption")
        return _preview(unescape(strip_tags(str(words)))) if words else message.method


@admin.register(TelegramUpdate)
class TelegramUpdateAdmin(ReadOnlyAdmin):
    """Updates as they came, stored before they were answered."""

    list_display = ("update_id", "received", "status_badge", "user_id", "text", "attempts", "failure", "trace")
    list_filter = ("status", "is_urgent")
    search_fields = ("=update_id", "=chat_id", "=user_id", "=trace_id")
    ordering = ("-update_id",)
    fieldsets = (
        (None, {"fields": (("update_id", "status_badge"), ("chat_id", "user_id"), ("trace", "is_urgent"))}),
        ("Handling", {"fields": (("received", "handled"), ("attempts", "failure"))}),
        ("Payload", {"fields": ("payload_shown",)}),
    )
    status_badge = badge_column("status", UPDATE_COLOURS, "status")
    received = time_column("received_at", "received")
    handled = time_column("handled_at", "handled")
    failure = text_column("error")
    trace = text_column("trace_id")
    payload_shown = json_column("payload")

    @display(description="text")  # type: ignore[untyped-decorator]
    def text(self, update: TelegramUpdate) -> str:
        """What the trader wrote or tapped."""
        payload = update.payload if isinstance(update.payload, dict) else {}
        message, tap = payload.get("message"), payload.get("callback_query")
        if isinstance(message, dict):
            return _preview(str(message.get("text", "")))
        return _preview(f"tap: {tap.get('data', '')}") if isinstance(tap, dict) else NOTHING
