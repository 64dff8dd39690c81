"""Traders: who they are, what they hold, what limits them, and the few things about them that are set here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from adminpanel import roles
from adminpanel.admin.base import AuditedAdmin, ReadOnlyInline
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
from adminpanel.starting_form import StartForm, start_fields
from trading import buffer_shares, selectors
from trading.limits import binding_of
from trading.models import Account, Panic, Position, Trader
from trading.models.traders import Mode
from trading.services.limits import loosened_by_moving
from trading.telegram import limit_words

LISTS = (
    ("Use of limits", "limits", "trader"),
    ("Orders", "admin:trading_order_changelist", "trader__id__exact"),
    ("Positions", "admin:trading_position_changelist", "trader__id__exact"),
    ("Days", "admin:trading_dayopening_changelist", "trader__id__exact"),
    ("Delegates", "admin:trading_delegate_changelist", "trader__id__exact"),
)


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


class PanicInline(ReadOnlyInline):
    """The trader's own stops, from /panic to resuming; who stopped resumes, nobody else."""

    model = Panic
    verbose_name_plural = "Own stops (/panic)"
    fields = ("began", "closing", "done", "resumed")
    readonly_fields = fields
    show_change_link = False
    ordering = ("-began_at",)
    began = time_column("began_at", "entries stopped")
    closing = time_column("closing_at", "everything closed from")
    done = time_column("done_at", "all closed")
    resumed = time_column("ended_at", "resumed")


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


class TraderForm(StartForm, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Disabling and tighter limits are one step; enabling and looser limits take a super admin, a reason and a code."""

    needed: tuple[str, ...] = ()  # the controls of what is started

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False
        self.fields["code"].help_text += ". Only to enable, and for looser limits"

    def is_start(self) -> bool:
        """Only what was found to be one."""
        return bool(self.needed)

    def controls(self) -> tuple[str, ...]:
        """Of what is started here."""
        return self.needed

    def clean(self) -> dict[str, Any]:
        """Compare with the trader's row as it is now: whether openings are accepted, and the limits that would bind."""
        cleaned: dict[str, Any] = super().clean() or {}
        before = Trader.objects.select_for_update().get(pk=self.instance.pk)
        is_active = bool(cleaned.get("is_active"))
        if is_active and not before.is_active:
            self.needed += ("enable_trader",)
            self._refuse_without("enable_trader", "Only a super admin enables a trader.")
        elif before.is_active and not is_active:
            self._refuse_without("disable_trader", "You may not disable traders.")
        if {"tier", "policy"} & set(self.changed_data):
            self._compare_limits(before, cleaned)
        return cleaned

    def _compare_limits(self, before: Trader, cleaned: dict[str, Any]) -> None:
        after = Trader(tier=cleaned.get("tier"), policy=cleaned.get("policy"), own_policy_id=before.own_policy_id)
        if loosened := loosened_by_moving(before, after):
            named = ", ".join(limit_words.title(name) for name in loosened)
            self.needed += ("loosen_limits",)
            sentence = f"Only a super admin loosens limits, and these would be looser: {named}."
            self._refuse_without("loosen_limits", sentence)
        else:
            self._refuse_without("tighten_limits", "You may not change limits.")

    def _refuse_without(self, control: str, sentence: str) -> None:
        if not roles.may(self.user, control):
            raise forms.ValidationError(sentence)


def _free(mode: Mode) -> Subquery:
    return Subquery(Account.objects.filter(trader=OuterRef("pk"), mode=mode).values("free_balance_usd"))


@admin.register(Trader)
class TraderAdmin(AuditedAdmin):
    """Whether somebody may open, and under which policies, is set here and audited; the rest comes from Telegram."""

    list_display = (
        "person",
        "telegram_id",
        "active",
        "mode",
        "free_dry",
        "free_live",
        "open_positions",
        "limits",
        "since",
    )
    list_filter = ("is_active", ("panic", admin.EmptyFieldListFilter), "execution_mode", "tier", "policy")
    search_fields = ("first_name", "username", "=telegram_id", "=chat_id")
    list_select_related = ("tier", "policy")
    form = TraderForm
    controls = ("disable_trader", "enable_trader", "tighten_limits", "loosen_limits")
    ordering = ("-created_at",)
    inlines = (AccountInline, OpenPositionInline, PanicInline)
    facts = (
        ("Person", {"fields": (("telegram_id", "chat_id"), ("first_name", "username"), ("registered", "mode"))}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("telegram_id", "chat_id", "first_name", "username", "registered", "mode", "history", "binding")
    mode = badge_column("execution_mode", MODE_COLOURS, "mode")
    since = date_column("created_at", "since")
    registered = time_column("created_at", "registered")
    free_dry = usd_column("free_dry_usd", "free, DRY")
    free_live = usd_column("free_live_usd", "free, LIVE")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trader]:
        """With each trader's balances and number of open positions."""
        rows: QuerySet[Trader] = super().get_queryset(request)
        return rows.annotate(
            free_dry_usd=_free(Mode.DRY),
            free_live_usd=_free(Mode.LIVE),
            open_count=Count("positions", filter=Q(positions__status="open")),
        )

    @display(description="trader", ordering="first_name")  # type: ignore[untyped-decorator]
    def person(self, trader: Trader) -> str:
        """Name, and the name in Telegram below it."""
        return two_lines(trader, f"@{trader.username}" if trader.username else "")

    @display(description="active", ordering="is_active")  # type: ignore[untyped-decorator]
    def active(self, trader: Trader) -> str:
        """Whether openings are accepted."""
        if trader.is_active and trader.panic_id is not None:
            return badge("stopped by trader", "danger")
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

    @display(description="All about this trader")  # type: ignore[untyped-decorator]
    def history(self, trader: Trader) -> str:
        """Links to all that this trader did, and to how full the limits are now."""
        row = [(words, f"{reverse(name)}?{key}={trader.pk}") for words, name, key in LISTS]
        row.append(("Audit entries", f"{reverse('admin:vanta_auditentry_changelist')}?q={trader.telegram_id}"))
        return format_html_join(" · ", '<a class="text-link" href="{1}">{0}</a>', row)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Traders register themselves, in Telegram."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may change nothing is not asked why."""
        asked = start_fields() if self.has_change_permission(request, obj) else ()
        return (("Control", {"fields": (("is_active", "tier", "policy"), *asked, "binding")}), *self.facts)

    def write(self, request: HttpRequest, obj: Trader, form: Any, change: bool) -> None:
        """The buffers of open positions follow the limits at once."""
        super().write(request, obj, form, change)
        buffer_shares.refresh(Trader.objects.filter(pk=obj.pk))

    def values(self, row: Trader) -> dict[str, Any]:
        """What is set here; policies by their names."""
        return {name: getattr(row, name) for name in ("is_active", "tier", "policy")}
