"""Risk policies: what each says now, what it said before and will say, and new terms for it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from adminpanel import roles
from adminpanel.admin.base import AuditedAdmin, ReadOnlyInline, actor_of
from adminpanel.admin.columns import badge_column, text_column, time_column
from adminpanel.policy_form import PolicyForm, fieldsets
from risk import policies
from risk.contradictions import contradictions
from risk.limits import NOTHING, Terms
from risk.models import PolicyTerms, RiskPolicy
from risk.policies import Change
from trading import buffer_shares
from trading.limits import traders_under
from trading.selectors import least_notional_usd
from trading.services.limits import resulting_limits, save_terms
from trading.telegram import limit_words

KIND_COLOURS = {"tier": "info", "policy": "", "own": "warning"}


def said(terms: Terms) -> SafeString:
    """Terms as people read them, a limit a line."""
    lines = [(limit_words.title(name), limit_words.shown(name, terms.values[name])) for name in terms.values]
    if terms.may_loosen:
        lines.append(("May loosen", "yes"))
    return format_html_join("", '<span class="v-line">{}: <b>{}</b></span>', lines) or SafeString("nothing")


class TermsInline(ReadOnlyInline):
    """All terms that were ever written; the newest of those that have begun are in force."""

    model = PolicyTerms
    verbose_name_plural = "History"
    fields = ("begins", "limits", "actor", "why", "written")
    readonly_fields = fields
    show_change_link = False
    begins = time_column("effective_from", "from")
    written = time_column("created_at", "written")
    why = text_column("reason")

    @display(description="limits")  # type: ignore[untyped-decorator]
    def limits(self, row: PolicyTerms) -> str:
        """What they say."""
        return said(policies.terms_of(row))


@admin.register(RiskPolicy)
class RiskPolicyAdmin(AuditedAdmin):
    """Admins tighten policies here, for a reason; super admins loosen them too, with a code. None is ever deleted."""

    controls = ("tighten_limits", "loosen_limits")

    form = PolicyForm
    list_display = ("name", "kind_badge", "now", "traders", "created_at")
    list_filter = ("kind",)
    search_fields = ("name",)
    inlines = (TermsInline,)
    readonly_fields = ("now", "ahead", "traders")
    kind_badge = badge_column("kind", KIND_COLOURS, "kind")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RiskPolicy]:
        """Tiers and policies before what traders set for themselves."""
        rows: QuerySet[RiskPolicy] = super().get_queryset(request)
        return rows.order_by("-kind", "name")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A policy's present before the terms that will follow."""
        present = (("Now", {"fields": (("now", "ahead", "traders"),)}),) if obj else ()
        return (*present, *fieldsets()) if self.has_change_permission(request, obj) else present

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """All of the form's fields, whatever the page shows."""
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": None})

    @display(description="says now")  # type: ignore[untyped-decorator]
    def now(self, policy: RiskPolicy) -> str:
        """The terms in force."""
        return said(policies.in_force([policy.pk]).get(policy.pk, NOTHING))

    @display(description="scheduled")  # type: ignore[untyped-decorator]
    def ahead(self, policy: RiskPolicy) -> str:
        """Terms still to come; what is saved for the same time replaces them."""
        rows = [(f"{row.effective_from:%Y-%m-%d %H:%M:%S} UTC",) for row in policies.scheduled([policy.pk])]
        return format_html_join("", '<span class="v-line">{}</span>', rows) or "nothing"

    @display(description="traders")  # type: ignore[untyped-decorator]
    def traders(self, policy: RiskPolicy) -> int:
        """How many it concerns."""
        return traders_under(policy).count()

    def write(self, request: HttpRequest, obj: RiskPolicy, form: Any, change: bool) -> None:
        """Save the name, and the new terms with their audit entry; the page's transaction holds all."""
        obj.save()
        saved = save_terms(
            policy=obj,
            terms=form.terms,
            actor=actor_of(request),
            reason=form.recorded_reason,
            is_super_admin=roles.may(request.user, "loosen_limits"),
            effective_from=form.cleaned_data["effective_from"],
        )
        buffer_shares.refresh(traders_under(obj))
        for sentence in warnings(saved):
            self.message_user(request, sentence, messages.WARNING)

    def record(self, request: HttpRequest, obj: RiskPolicy, form: Any, before: Any) -> None:
        """The terms have brought their own entry, limit by limit."""


def warnings(saved: Change) -> list[str]:
    """What does not go together for somebody under these terms, and what will replace them."""
    least = least_notional_usd()
    resulting = resulting_limits(saved.row.policy, saved.after, saved.row.effective_from)
    found = [each for limits in resulting for each in contradictions(limits, min_notional_usd=least)]
    ahead = [
        f"Other terms are scheduled for {row.effective_from:%Y-%m-%d %H:%M:%S} UTC and replace these then."
        for row in policies.scheduled([saved.row.policy_id])
        if row.effective_from > saved.row.effective_from
    ]
    return [*dict.fromkeys(each.sentence for each in found), *ahead]
