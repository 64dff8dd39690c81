"""Where the books did not agree."""

from typing import Any

from django.contrib import admin
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import text_column, time_column
from trading.books import INVARIANTS
from trading.models import InvariantBreach

RULES = {invariant.code: invariant.rule for invariant in INVARIANTS}


@admin.register(InvariantBreach)
class InvariantBreachAdmin(ReadOnlyAdmin):
    """Openings were stopped when each was found. The check writes these rows, every minute."""

    nothing_yet = "The books have always agreed."

    list_display = ("rule", "where", "found", "ended", "what")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "code")
    search_fields = ("subject", "detail")
    ordering = ("-found_at",)
    fieldsets: Any = ((None, {"fields": ("rule", "where", "what", ("found", "ended"))}),)
    where = text_column("subject", "where")
    what = text_column("detail", "what")
    found = time_column("found_at", "found")
    ended = time_column("ended_at", "ended")

    @display(description="rule that was broken")  # type: ignore[untyped-decorator]
    def rule(self, breach: InvariantBreach) -> str:
        """What should always hold."""
        return RULES.get(breach.code, breach.code)
