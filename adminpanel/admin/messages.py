"""Messages: what came from Telegram and what is owed to it."""

from html import unescape

from django.contrib import admin
from django.utils.html import strip_tags
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import NOTHING, badge_column, json_column, link_column, time_column
from trading.models import OutboxMessage, TelegramUpdate

OUTBOX_COLOURS = {"pending": "info", "sent": "success", "dead": "danger", "superseded": ""}
UPDATE_COLOURS = {"new": "info", "done": "success", "ignored": "", "failed": "danger"}
PREVIEW = 60


def _preview(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:PREVIEW]}…" if len(text) > PREVIEW else text or NOTHING


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Calls of the Bot API that are or were owed to a chat."""

    list_display = (
        "id",
        "created",
        "status_badge",
        "chat_id",
        "text",
        "order_link",
        "attempts",
        "last_error",
        "sent",
    )
    list_filter = ("status", "method")
    search_fields = ("=id", "=chat_id", "=trace_id", "=order__id")
    list_select_related = ("order",)
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {"fields": (("status_badge", "method"), ("chat_id", "telegram_message_id"), ("order_link", "trace_id"))},
        ),
        ("Delivery", {"fields": (("created_at", "sent_at"), ("attempts", "next_attempt_at"), "last_error")}),
        ("Content", {"fields": ("payload_shown",)}),
    )
    status_badge = badge_column("status", OUTBOX_COLOURS, "status")
    created = time_column("created_at", "created")
    sent = time_column("sent_at", "sent")
    order_link = link_column("order")
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

    list_display = ("update_id", "received", "status_badge", "user_id", "text", "attempts", "error", "trace_id")
    list_filter = ("status", "is_urgent")
    search_fields = ("=update_id", "=chat_id", "=user_id", "=trace_id")
    ordering = ("-update_id",)
    fieldsets = (
        (None, {"fields": (("update_id", "status_badge"), ("chat_id", "user_id"), ("trace_id", "is_urgent"))}),
        ("Handling", {"fields": (("received_at", "handled_at"), ("attempts", "error"))}),
        ("Payload", {"fields": ("payload_shown",)}),
    )
    status_badge = badge_column("status", UPDATE_COLOURS, "status")
    received = time_column("received_at", "received")
    payload_shown = json_column("payload")

    @display(description="text")  # type: ignore[untyped-decorator]
    def text(self, update: TelegramUpdate) -> str:
        """What the trader wrote or tapped."""
        payload = update.payload if isinstance(update.payload, dict) else {}
        message, tap = payload.get("message"), payload.get("callback_query")
        if isinstance(message, dict):
            return _preview(str(message.get("text", "")))
        return _preview(f"tap: {tap.get('data', '')}") if isinstance(tap, dict) else NOTHING
