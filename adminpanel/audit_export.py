"""The page that gives out the audit log as CSV: who may see an entry may have all of a period; that is an entry too."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods
from unfold.widgets import BASE_INPUT_CLASSES, UnfoldAdminTextInputWidget

from adminpanel.admin.base import actor_of
from vanta import clock
from vanta.audit_csv import Wanted, export

NEEDED = "vanta.view_auditentry"
NAMED = ("actor", "action", "trace_id")
USUAL = dt.timedelta(days=30)


def _day_widget() -> forms.DateInput:
    """The browser's own, which needs no script."""
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": " ".join(BASE_INPUT_CLASSES)})


class ExportForm(forms.Form):
    """A period in UTC days, and what to leave out of it."""

    since = forms.DateField(label="From", widget=_day_widget())
    until = forms.DateField(label="To, that day included", widget=_day_widget())
    actor = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(), help_text="Exactly, as admin:ada")
    action = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(), help_text="Exactly, as policy.change")
    trace_id = forms.CharField(label="Trace id", required=False, widget=UnfoldAdminTextInputWidget())

    def clean(self) -> dict[str, Any]:
        """The period has to have a day."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", "This is before the first day.")
        return cleaned

    @property
    def wanted(self) -> Wanted:
        """Of a form that is valid."""
        begin, end = (_midnight(self.cleaned_data[name]) for name in ("since", "until"))
        return Wanted(begin, end + dt.timedelta(days=1), *(self.cleaned_data[name] for name in NAMED))


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponseBase:
    """Asks for the period; a POST streams the file. Raises PermissionDenied without NEEDED."""
    if not request.user.has_perm(NEEDED):
        raise PermissionDenied
    if request.method == "POST":
        form = ExportForm(request.POST)
        if form.is_valid():
            return _file(form.wanted, actor_of(request))
    else:
        today = clock.now().date()
        named = {name: request.GET.get(name, "") for name in NAMED}
        form = ExportForm(initial={"since": today - USUAL, "until": today, **named})
    return _asking(request, form)


def _asking(request: HttpRequest, form: ExportForm) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Export the audit log", "form": form}
    return render(request, "adminpanel/audit_export.html", context)


def _file(wanted: Wanted, actor: str) -> StreamingHttpResponse:
    last_day = wanted.until - dt.timedelta(days=1)
    answer = StreamingHttpResponse(export(wanted, actor=actor), content_type="text/csv; charset=utf-8")
    name = f"vanta-audit-{wanted.since:%Y-%m-%d}-to-{last_day:%Y-%m-%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    add_never_cache_headers(answer)
    return answer


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
