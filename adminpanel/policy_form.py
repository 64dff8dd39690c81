"""The form that a policy's new terms are written in: checked against what its writer may, and previewed."""

import datetime as dt
from typing import Any

from django import forms
from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from unfold.widgets import (
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from adminpanel import roles
from adminpanel.starting_form import StartForm, start_fields
from risk import policies
from risk.limits import COUNTS, NAMES, NOTHING, Terms, loosened_terms
from risk.models import PolicyTerms, RiskPolicy
from trading.limits import policies_of, traders_under
from trading.replay import Proposal, replay
from trading.telegram import limit_words, replay_words
from vanta import clock

LOOKED_BACK = dt.timedelta(days=7)
MAX_LINES = 40
MAX_COUNT = 1_000_000
LIMIT_FIELDSETS: tuple[tuple[str | None, dict[str, Any]], ...] = (
    (None, {"fields": (("name", "kind"),)}),
    (
        "Size and loss",
        {
            "fields": (
                ("max_position_size_usd", "max_leverage"),
                ("max_account_risk_pct", "max_daily_loss_pct"),
                "liquidation_buffer_pct",
            )
        },
    ),
    ("Prices", {"fields": (("price_max_age_s", "price_max_uncertainty_share"),)}),
    ("Pace", {"fields": (("opens_per_minute", "trades_per_day"), ("hourly_volume_usd", "daily_volume_usd"))}),
    (
        "Protections",
        {
            "fields": (
                "cooldown_minutes",
                ("drawdown_pct", "drawdown_days"),
                ("market_stops", "market_stops_hours"),
            )
        },
    ),
)


def fieldsets() -> tuple[tuple[str | None, dict[str, Any]], ...]:
    """The page's parts; who approves as well is asked for only where it has to be."""
    last = {"fields": ("may_loosen", "effective_from", "preview", *start_fields())}
    return (*LIMIT_FIELDSETS, ("From when, and why", last))


def _bounds(name: str) -> list[BaseValidator]:
    """What the database takes of a limit."""
    fractions = name.endswith(("_pct", "_share"))
    highest = 1 if fractions else MAX_COUNT if name in COUNTS else None
    lowest = MinValueValidator(1 if name == "max_leverage" else 0)
    return [lowest] if highest is None else [lowest, MaxValueValidator(highest)]


class PolicyForm(StartForm, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """A policy's name, and its next terms; what is left empty stays as it is without the policy.

    Tightening takes a reason; loosening takes a super admin with a fresh code as well.
    """

    permission = "loosen_limits"
    loosened: tuple[str, ...] = ()

    may_loosen = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Let looser limits count too: super admins only",
    )
    effective_from = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="UTC; empty: at once"
    )
    preview = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Save nothing: show which decisions of the last 7 days would change",
    )

    class Meta:
        model = RiskPolicy
        fields = ("name", "kind")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text += ". Only for looser limits"
        self.fields |= forms.fields_for_model(PolicyTerms, fields=NAMES)
        for name in NAMES:
            self.fields[name].validators += _bounds(name)
            self.fields[name].widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
        self.before = policies.in_force([self.instance.pk]).get(self.instance.pk, NOTHING)
        for name, value in (*self.before.values.items(), ("may_loosen", self.before.may_loosen)):
            self.fields[name].initial = value
        kinds = [choice for choice in RiskPolicy.Kind.choices if choice[0] != RiskPolicy.Kind.OWN]
        if self.instance.pk:
            for name in ("name", "kind"):
                self.fields[name].disabled = True
            self.fields["may_loosen"].disabled = self.instance.kind == RiskPolicy.Kind.OWN
        else:
            self.fields["kind"] = forms.ChoiceField(choices=kinds, initial=RiskPolicy.Kind.POLICY)

    def is_start(self) -> bool:
        """Only looser limits need the code."""
        return bool(self.loosened)

    @property
    def terms(self) -> Terms:
        """What was filled in."""
        return policies.terms_from(self.cleaned_data, bool(self.cleaned_data.get("may_loosen")))

    def clean(self) -> dict[str, Any]:
        """Refuse what this user may not, and what comes too late; show instead of save where that is wanted."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        begins = cleaned["effective_from"]
        if begins is not None and begins < clock.now():
            self.add_error("effective_from", "This has passed. Leave it empty for at once.")
        before = policies.in_force([self.instance.pk], begins).get(self.instance.pk, NOTHING)
        if self.instance.pk and before == self.terms:
            raise forms.ValidationError("Nothing is different from what is in force then.")
        self.loosened = loosened_terms(before, self.terms)
        if self.loosened and not roles.may(self.user, self.permission):
            named = ", ".join(limit_words.title(name) for name in self.loosened)
            raise forms.ValidationError(f"Only a super admin loosens limits, and these would be looser: {named}.")
        if cleaned["preview"]:
            raise forms.ValidationError(["Nothing is saved yet; untick Preview to save.", *preview(self)])
        return cleaned


def preview(form: PolicyForm) -> list[str]:
    """What a replay of the last days says of the terms in the form."""
    policy = form.instance
    triples = {trader.pk: policies_of(trader) for trader in traders_under(policy)} if policy.pk else {}
    found = replay(Proposal(triples, {policy.pk or 0: form.terms}), since=clock.now() - LOOKED_BACK)
    told = replay_words.lines(found)
    if len(told) <= MAX_LINES:
        return told
    return [*told[:MAX_LINES], "… manage.py replay_policy shows all.", *replay_words.summary(found)]
