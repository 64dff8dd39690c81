"""When markets were without a price to trust, and what admins were told of."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import NOTHING, badge, badge_column, figure, text_column, time_column, words
from adminpanel.models import Alert
from feeds.models import ConsensusLoss
from trading.telegram import time_words
from vanta import clock

REASON_COLOURS = {"no_quotes": "danger", "vetoed": "warning", "outliers": "warning"}


def _lasted(lasted: dt.timedelta, *, is_over: bool) -> str:
    told = figure(time_words.age(round(lasted.total_seconds() * 1000)))
    return told if is_over else format_html("{} {}", told, badge("and goes on", "danger"))


@admin.register(ConsensusLoss)
class ConsensusLossAdmin(ReadOnlyAdmin):
    """Nothing could be opened in the market meanwhile. The feeds write these rows."""

    nothing_yet = "No market was without a price to trust yet."

    list_display = ("price_symbol", "reason_badge", "began", "ended", "lasted", "quotes_left_out", "told")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "reason")
    search_fields = ("price_symbol",)
    ordering = ("-began_at",)
    fieldsets = (
        (None, {"fields": (("price_symbol", "reason_badge"), ("began", "ended", "lasted"), "quotes_left_out")}),
        ("Admins were told", {"fields": (("told", "end_told"),)}),
    )
    reason_badge = badge_column("reason", REASON_COLOURS, "reason")
    began = time_column("began_at", "began")
    ended = time_column("ended_at", "ended")
    told = time_column("told_loss_at", "told")
    end_told = time_column("told_end_at", "end told")

    @display(description="lasted")  # type: ignore[untyped-decorator]
    def lasted(self, loss: ConsensusLoss) -> str:
        """So far, where it goes on."""
        return _lasted(loss.duration(clock.now()), is_over=loss.ended_at is not None)

    @display(description="quotes left out")  # type: ignore[untyped-decorator]
    def quotes_left_out(self, loss: ConsensusLoss) -> str:
        """Whose quotes did not count as it began, and why."""
        return words(_left_out(loss.excluded if isinstance(loss.excluded, list) else []))


def _left_out(excluded: Sequence[Any]) -> str:
    told = [
        f"{quote.get('source', NOTHING)}: {str(quote.get('reason', NOTHING)).replace('_', ' ')}"
        for quote in excluded
        if isinstance(quote, dict)
    ]
    return ", ".join(told) or NOTHING


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What lasts and admins are told of; markets without a price are told of from the losses."""

    nothing_yet = "Nothing had to be told yet."
    list_display = ("kind_badge", "why", "began", "ended", "lasted", "told", "who")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "kind")
    search_fields = ("detail",)
    ordering = ("-began_at",)
    fieldsets = (
        (None, {"fields": (("kind_badge", "began", "ended", "lasted"), "why")}),
        ("Admins were told", {"fields": (("told", "last_told", "end_told"), ("who", "since_when"))}),
    )
    why = text_column("detail", "why")
    last_told = time_column("last_told_at", "last told")
    who = text_column("acknowledged_by", "who has it")
    since_when = time_column("acknowledged_at", "said at")
    began = time_column("began_at", "began")
    ended = time_column("ended_at", "ended")
    told = time_column("told_begin_at", "told")
    end_told = time_column("told_end_at", "end told")

    @display(description="alert", ordering="kind")  # type: ignore[untyped-decorator]
    def kind_badge(self, alert: Alert) -> str:
        """Red where it is critical."""
        return badge(alert.get_kind_display(), "danger" if alert.is_critical else "warning")

    @display(description="lasted")  # type: ignore[untyped-decorator]
    def lasted(self, alert: Alert) -> str:
        """So far, where it goes on."""
        lasted = max((alert.ended_at or clock.now()) - alert.began_at, dt.timedelta(0))
        return _lasted(lasted, is_over=alert.ended_at is not None)
