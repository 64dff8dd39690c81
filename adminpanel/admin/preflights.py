"""What each `manage.py preflight` found."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import badge, badge_column, figure, text_column, time_column, two_lines, words
from adminpanel.models import PreflightRun

VERDICT_COLOURS = {"green": "success", "amber": "warning", "red": "danger"}


@admin.register(PreflightRun)
class PreflightRunAdmin(ReadOnlyAdmin):
    """LIVE is switched on only within an hour of a whole run without red."""

    nothing_yet = "Run `manage.py preflight`: LIVE is switched on only after a whole run without red."

    list_display = ("ran", "verdict_badge", "counts", "whole", "who", "took")
    list_filter = ("verdict", "is_complete")
    search_fields = ("by",)
    change_form_outer_after_template = "adminpanel/order_story.html"
    fieldsets: Any = ((None, {"fields": (("verdict_badge", "ran", "took"), ("counts", "whole", "who"))}),)
    ran = time_column("at", "at")
    who = text_column("by", "by")
    verdict_badge = badge_column("verdict", VERDICT_COLOURS, "verdict")

    @display(description="checks")  # type: ignore[untyped-decorator]
    def counts(self, run: PreflightRun) -> str:
        """How many of each colour."""
        return ", ".join(f"{len(found)} {colour}" for colour in VERDICT_COLOURS if (found := run.of(colour)))

    @display(description="whole", boolean=True)  # type: ignore[untyped-decorator]
    def whole(self, run: PreflightRun) -> bool:
        """Whether no check was left out."""
        return run.is_complete

    @display(description="took", ordering="took_ms")  # type: ignore[untyped-decorator]
    def took(self, run: PreflightRun) -> str:
        """Seconds."""
        return figure(f"{run.took_ms / 1000:.1f} s")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the table of what was found below."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **_results(object_id)})  # type: ignore[no-any-return]


def _results(object_id: str) -> dict[str, Any]:
    run = PreflightRun.objects.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
    if run is None:
        return {}  # the page says itself that there is no such run
    rows = [
        [
            badge(found["colour"], VERDICT_COLOURS[found["colour"]]),
            figure(found["name"]),
            two_lines(found["saw"], found["do"]) if found["do"] else words(found["saw"]),
            figure(f"{found['took_ms']} ms"),
        ]
        for found in run.results
    ]
    table = {"title": "What was found, and what to do", "headers": ["", "check", "saw", "took"], "rows": rows}
    return {"story": {"tables": [table]}}
