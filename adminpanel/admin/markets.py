"""Markets as the venue last described them, and the last mark prices."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    badge,
    figure,
    json_column,
    number_column,
    percent_column,
    price_column,
    text_column,
    time_column,
    usd_column,
)
from feeds.models import LastMark, Market
from vanta import clock
from vanta.money import format_number


@admin.register(Market)
class MarketAdmin(ReadOnlyAdmin):
    """What the venue trades. The feeds write these rows."""

    list_display = (
        "symbol",
        "group",
        "trading",
        "leverages",
        "spread",
        "open_fee",
        "min_notional",
        "interest_long",
        "interest_short",
    )
    list_filter = ("is_listed", "is_open", "is_close_only", "is_upside", "group_name")
    search_fields = ("symbol", "coingecko_id")
    fieldsets = (
        (
            "Market",
            {"fields": (("symbol", "pair_index"), ("group", "trading"), ("price_symbol", "is_upside"))},
        ),
        (
            "Terms",
            {
                "fields": (
                    ("least_leverage", "most_leverage", "min_notional"),
                    ("spread", "open_fee", "close_fee"),
                    ("rollover_long", "rollover_short"),
                    ("funding_long", "funding_short"),
                    ("max_gain_pct", "max_stop_loss_pct"),
                )
            },
        ),
        (
            "Interest",
            {"fields": (("interest_long", "interest_short"), ("room_long", "room_short"))},
        ),
        ("Hours", {"fields": (("next_open_at", "next_close_at"), "refreshed_at")}),
        ("Prices", {"fields": (("min_upstreams", "volatility"), ("lazer_feed_id", "coingecko_id"))}),
        ("As the venue says it", {"fields": ("params",), "classes": ("collapse",)}),
    )
    group = text_column("group_name", "group")
    least_leverage = number_column("min_leverage", "min leverage", unit="x")
    most_leverage = number_column("max_leverage", "max leverage", unit="x")
    spread = percent_column("spread_rate", "spread")
    open_fee = percent_column("open_fee_rate", "open fee")
    close_fee = percent_column("close_fee_rate", "close fee")
    rollover_long = percent_column("rollover_rate_per_hour_long", "rollover an hour, long", 6)
    rollover_short = percent_column("rollover_rate_per_hour_short", "rollover an hour, short", 6)
    funding_long = percent_column("funding_rate_per_hour_long", "funding an hour, long", 6)
    funding_short = percent_column("funding_rate_per_hour_short", "funding an hour, short", 6)
    min_notional = usd_column("min_notional_usd")
    interest_long = usd_column("open_interest_long_usd", "open interest, long")
    interest_short = usd_column("open_interest_short_usd", "open interest, short")
    room_long = usd_column("headroom_long_usd", "room, long")
    room_short = usd_column("headroom_short_usd", "room, short")
    volatility = percent_column("volatility_per_sqrt_s", "volatility per √s", 5)
    params = json_column("venue_params", "parameters")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Market]:
        """Without the venue's own parameters in the list: they are long."""
        rows: QuerySet[Market] = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "feeds_market_changelist"
        return rows.defer("venue_params") if is_list else rows

    @display(description="leverage", ordering="max_leverage")  # type: ignore[untyped-decorator]
    def leverages(self, market: Market) -> str:
        """The least and the most that the venue takes."""
        return figure(f"{format_number(market.min_leverage)}–{format_number(market.max_leverage)}x")

    @display(description="trading")  # type: ignore[untyped-decorator]
    def trading(self, market: Market) -> str:
        """Whether an order would be taken now."""
        if not market.is_listed:
            return badge("not listed")
        if not market.is_open_at(clock.now()):
            return badge("closed", "warning")
        return badge("closing only", "warning") if market.is_close_only else badge("open", "success")


@admin.register(LastMark)
class LastMarkAdmin(ReadOnlyAdmin):
    """The last mark price of each price symbol; may close, never open."""

    list_display = ("price_symbol", "price_shown", "uncertainty_shown", "priced_at", "age", "from_sources")
    search_fields = ("price_symbol",)
    ordering = ("price_symbol",)
    fields = (*list_display, "updated_at")
    priced_at = time_column("as_of")
    price_shown = price_column("price")
    uncertainty_shown = percent_column("uncertainty", decimals=4)

    @display(description="age")  # type: ignore[untyped-decorator]
    def age(self, mark: LastMark) -> str:
        """Since the source's own time of the price."""
        return f"{(clock.now() - mark.as_of).total_seconds():.0f} s"

    @display(description="sources")  # type: ignore[untyped-decorator]
    def from_sources(self, mark: Any) -> str:
        """Whose quotes it is made of."""
        return ", ".join(str(source) for source in mark.sources)
