"""Traders: who they are, what they hold, what limits them, and the few things about them that are set here."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyInline, VantaAdmin
from adminpanel.admin.columns import (
    MODE_COLOURS,
    NOTHING,
    SIDE_COLOURS,
    badge,
    badge_column,
    date_column,
    link,
    link_column,
    money,
    number_column,
    price_column,
    time_column,
    two_lines,
    usd_column,
    words,
)
from trading import buffer_shares, selectors
from trading.limits import binding_of
from trading.models import Account, Position, Trader
from trading.models.traders import Mode
from trading.services.limits import loosened_by_moving
from trading.telegram import limit_words
from vanta import audit


class AccountInline(ReadOnlyInline):
    """Balances by execution mode, marked to the current prices."""

    model = Account
    verbose_name_plural = "Balances"
    fields = ("mode_badge", "free", "reserved", "collateral", "unrealised", "equity")
    readonly_fields = fields
    show_change_link = False
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    free = usd_column("free_balance_usd", "free")

    @display(description="reserved by pending orders")  # type: ignore[untyped-decorator]
    def reserved(self, account: Account) -> str:
        """Collateral and fees of openings that are under way."""
        return money(selectors.balance(account.trader, account.mode).reserved_usd)

    @display(description="collateral of open positions")  # type: ignore[untyped-decorator]
    def collateral(self, account: Account) -> str:
        """Posted in open positions."""
        return money(selectors.balance(account.trader, account.mode).collateral_usd)

    @display(description="unrealised PnL")  # type: ignore[untyped-decorator]
    def unrealised(self, account: Account) -> str:
        """At the mark price, or the last known one."""
        return money(selectors.balance(account.trader, account.mode).unrealised_pnl_usd)

    @display(description="equity")  # type: ignore[untyped-decorator]
    def equity(self, account: Account) -> str:
        """Free, collateral and unrealised PnL together."""
        return money(selectors.balance(account.trader, account.mode).equity_usd)


class OpenPositionInline(ReadOnlyInline):
    """What is open now."""

    model = Position
    verbose_name_plural = "Open positions"
    fields = ("market_link", "side_badge", "mode_badge", "collateral", "times", "entry", "liquidation", "stop", "take")
    readonly_fields = fields
    market_link = link_column("market")
    side_badge = badge_column("side", SIDE_COLOURS, "side")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    collateral = usd_column("collateral_usd")
    times = number_column("leverage", unit="x")
    entry = price_column("entry_price", "entry")
    liquidation = price_column("liquidation_price", "liquidation")
    stop = price_column("stop_loss")
    take = price_column("take_profit")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Position]:
        """The open ones alone."""
        rows: QuerySet[Position] = super().get_queryset(request)
        return rows.filter(status=Position.Status.OPEN).select_related("market")


class TraderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Another tier or policy must leave no limit looser, unless a super admin wants it."""

    user: ClassVar[AbstractBaseUser | None] = None

    def clean(self) -> dict[str, Any]:
        """Compare the limits that would bind with those that do, at the trader's row as it is now."""
        cleaned: dict[str, Any] = super().clean() or {}
        if getattr(self.user, "is_superuser", False) or not {"tier", "policy"} & set(self.changed_data):
            return cleaned
        before = Trader.objects.select_for_update().get(pk=self.instance.pk)
        after = Trader(tier=cleaned.get("tier"), policy=cleaned.get("policy"), own_policy_id=before.own_policy_id)
        if loosened := loosened_by_moving(before, after):
            named = ", ".join(limit_words.title(name) for name in loosened)
            raise forms.ValidationError(f"Only a super admin loosens limits, and these would be looser: {named}.")
        return cleaned


@admin.register(Trader)
class TraderAdmin(VantaAdmin):
    """Whether somebody may open, and under which policies, is set here and audited; the rest comes from Telegram."""

    list_display = ("person", "telegram_id", "active", "mode", "free_dry", "open_positions", "limits", "since")
    list_filter = ("is_active", "execution_mode", "tier", "policy")
    search_fields = ("first_name", "username", "=telegram_id", "=chat_id")
    list_select_related = ("tier", "policy")
    form = TraderForm
    ordering = ("-created_at",)
    actions = None
    inlines = (AccountInline, OpenPositionInline)
    fieldsets = (
        ("Control", {"fields": (("is_active", "tier", "policy"), "binding")}),
        ("Person", {"fields": (("telegram_id", "chat_id"), ("first_name", "username"), ("registered", "mode"))}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("telegram_id", "chat_id", "first_name", "username", "registered", "mode", "history", "binding")
    mode = badge_column("execution_mode", MODE_COLOURS, "mode")
    since = date_column("created_at", "since")
    registered = time_column("created_at", "registered")
    free_dry = usd_column("free_dry_usd", "free balance, DRY")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trader]:
        """With each trader's DRY balance and number of open positions."""
        balance = Account.objects.filter(trader=OuterRef("pk"), mode=Mode.DRY).values("free_balance_usd")
        rows: QuerySet[Trader] = super().get_queryset(request)
        return rows.annotate(
            free_dry_usd=Subquery(balance), open_count=Count("positions", filter=Q(positions__status="open"))
        )

    @display(description="trader", ordering="first_name")  # type: ignore[untyped-decorator]
    def person(self, trader: Trader) -> str:
        """Name, and the name in Telegram below it."""
        return two_lines(trader, f"@{trader.username}" if trader.username else "")

    @display(description="active", ordering="is_active")  # type: ignore[untyped-decorator]
    def active(self, trader: Trader) -> str:
        """Whether openings are accepted."""
        return badge("active", "success") if trader.is_active else badge("closing only", "warning")

    @display(description="open positions", ordering="open_count")  # type: ignore[untyped-decorator]
    def open_positions(self, trader: Any) -> int:
        """In both execution modes."""
        return int(trader.open_count)

    @display(description="limits")  # type: ignore[untyped-decorator]
    def limits(self, trader: Trader) -> str:
        """Tier and policy by name."""
        named = [str(policy) for policy in (trader.tier, trader.policy) if policy]
        return words(" · ".join([*named, "own"] if trader.own_policy_id else named) or NOTHING)

    @display(description="Limits that bind now, and where from")  # type: ignore[untyped-decorator]
    def binding(self, trader: Trader) -> str:
        """All limits with their sources; the trader's own ones link to where a super admin loosens them."""
        rows = limit_words.rows(binding_of(trader))
        shown = format_html_join("", '<span class="v-line">{}: <b>{}</b> ({})</span>', rows)
        return format_html("{}{}", shown, link(trader.own_policy, "own limits")) if trader.own_policy else shown

    @display(description="Orders, positions")  # type: ignore[untyped-decorator]
    def history(self, trader: Trader) -> str:
        """Links to all that this trader did."""
        orders, positions = reverse("admin:trading_order_changelist"), reverse("admin:trading_position_changelist")
        return format_html(
            '<a class="text-link" href="{0}?trader__id__exact={2}">All orders</a> · '
            '<a class="text-link" href="{1}?trader__id__exact={2}">All positions</a>',
            orders,
            positions,
            trader.pk,
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Traders register themselves, in Telegram."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Money rows point at them."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who fills it in, as only super users loosen."""
        return type("TraderForm", (super().get_form(request, obj, change=change, **kwargs),), {"user": request.user})

    def save_model(self, request: HttpRequest, obj: Trader, form: Any, change: bool) -> None:
        """Save what was changed and its audit entry; the page's transaction holds both."""
        if not form.changed_data:
            return
        before = Trader.objects.select_for_update().get(pk=obj.pk)
        obj.save(update_fields=form.changed_data)
        buffer_shares.refresh(Trader.objects.filter(pk=obj.pk))
        audit.append(
            actor=f"admin:{request.user.get_username()}",
            action="trader.change",
            subject=f"trader:{obj.pk}",
            before={name: getattr(before, name) for name in form.changed_data},
            after={name: getattr(obj, name) for name in form.changed_data},
        )
