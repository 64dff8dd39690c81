"""The audit log: who changed what, found by actor, action, time and trace; what the last look at its chain said."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import NOTHING, badge, figure, json_column, text_column, time_column
from adminpanel.audit_words import of_chain
from vanta import audit_watch
from vanta.models import AuditEntry
from vanta.redis import RedisDown

WORDS = {"success": "whole", "info": "under way", "warning": "not known", "danger": "broken"}
LATELY = 2000  # entries in which to look for names
NAMES_SHOWN = 25
KINDS = {
    "admin:": "anybody at the admin site",
    "telegram:": "anybody by Telegram",
    "trader:": "any trader, about their wallet",
    "shell:": "anybody at the shell",
}


class ActorFilter(admin.SimpleListFilter):
    """By where somebody was, or who of the last entries it was."""

    title = "actor"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Traders are too many to be named."""
        newest = AuditEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
        named = AuditEntry.objects.filter(seq__gt=newest - LATELY).exclude(actor__startswith="trader:")
        names = named.order_by("actor").values_list("actor", flat=True).distinct()[:NAMES_SHOWN]
        return [*KINDS.items(), *((name, name) for name in names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """A kind is a beginning, a name is all of it."""
        wanted = self.value()
        if not wanted:
            return queryset
        return queryset.filter(Q(actor__startswith=wanted) if wanted in KINDS else Q(actor=wanted))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what; `manage.py verify_audit` proves that nobody edited it."""

    list_display = ("seq", "created", "who", "action", "subject", "why", "trace")
    list_display_links = ("seq",)
    list_filter = (ActorFilter, "action", "created_at")
    search_fields = ("actor", "action", "subject", "reason", "=trace_id")
    search_help_text = "Actor, action, subject or reason; or a whole trace id"
    list_before_template = "adminpanel/audit_sign.html"
    fieldsets = (
        (None, {"fields": (("seq", "created", "actor"), ("action", "subject", "trace"), "why")}),
        ("Change", {"fields": (("before_shown", "after_shown"),)}),
        ("Chain", {"fields": ("previous_hmac", "hmac")}),
    )
    created = time_column("created_at", "at")
    why = text_column("reason")
    before_shown = json_column("before")
    after_shown = json_column("after")

    @display(description="actor", ordering="actor")  # type: ignore[untyped-decorator]
    def who(self, entry: AuditEntry) -> str:
        """Leads to all that they did."""
        return _found(entry.actor, by=entry.actor)

    @display(description="trace id", ordering="trace_id")  # type: ignore[untyped-decorator]
    def trace(self, entry: AuditEntry) -> str:
        """Leads to all entries of it."""
        return figure(_found(entry.trace_id, q=entry.trace_id)) if entry.trace_id else NOTHING

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With the chain's sign, and the way to a file of what is shown."""
        more = {"sign": _sign(), "export": _export_of(request)}
        return super().changelist_view(request, {**(extra_context or {}), **more})


def _sign() -> dict[str, str] | None:
    """None where Redis does not say."""
    try:
        colour, text = of_chain(audit_watch.last_look())
    except RedisDown:
        return None
    return {"badge": badge(WORDS[colour], colour), "text": text}


def _found(text: str, **asked: str) -> str:
    address = f"{reverse('admin:vanta_auditentry_changelist')}?{urlencode(asked)}"
    return format_html('<a class="text-link v-words" href="{}">{}</a>', address, text)


def _export_of(request: HttpRequest) -> str:
    """The filters that a file can have as well; a kind of actors is none."""
    by = request.GET.get("by", "")
    asked = {"actor": "" if by in KINDS else by, "action": request.GET.get("action", "")}
    chosen = {name: value for name, value in asked.items() if value}
    return reverse("audit-export") + (f"?{urlencode(chosen)}" if chosen else "")
