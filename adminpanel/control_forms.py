"""The forms of the Controls page: one that stops, and one for each thing that is started."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from adminpanel import live_gate, roles, switches
from adminpanel.starting_form import StartForm
from risk import canary_cap, environment_limits, execution_mode, trading_state
from risk.check_in import NothingToAcknowledge
from risk.execution_mode import ExecutionMode
from risk.trading_state import STRICTNESS, ChangedMeanwhile, LimitsLoosened, TradingState
from vanta.errors import VantaError

MAX_REASON = 500
MAINTENANCE, DRY = "maintenance", "dry"
STOPS = {
    TradingState.REDUCING.value: "STOP",
    TradingState.HALTED.value: "HALT",
    MAINTENANCE: "MAINTENANCE",
    DRY: "DRY",
}
PASSES = {
    TradingState.ACTIVE: "everything",
    TradingState.REDUCING: "only what reduces risk",
}
WORDS: dict[type[VantaError], str] = {
    ChangedMeanwhile: "Somebody has changed the state since you loaded this page. Look again before you resume.",
    LimitsLoosened: "The environment has looser limits. Acknowledge them first, below.",
    NothingToAcknowledge: "These limits wait no more: a process has started with others. Look again.",
}


class StopForm(forms.Form):
    """In one step: where to, and a reason where there is time for one."""

    to = forms.ChoiceField(choices=list(STOPS.items()))
    reason = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "Why (not needed)", "aria-label": "Why", "maxlength": MAX_REASON}
        ),
    )


class SwitchForm(StartForm):
    """A form of the page: `carry_out` does it, `done` says what was done."""

    title: ClassVar[str] = ""
    button: ClassVar[str] = ""
    done: ClassVar[str] = ""

    def carry_out(self, actor: str) -> None:
        """Do it. Raises the errors of WORDS where somebody was faster."""


class ResumeForm(SwitchForm):
    """Lets more through than now: everything, or from a halt only what reduces risk."""

    permission = "start_trading"
    title, button, done = "Resume trading", "Resume", "Trading goes on."
    to = forms.TypedChoiceField(
        label="Let through", coerce=TradingState, widget=UnfoldAdminRadioSelectWidget, initial=TradingState.REDUCING
    )
    seen = forms.IntegerField(widget=forms.HiddenInput)
    field_order = ("to", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = trading_state.last()
        state = TradingState(held.state) if held else TradingState.ACTIVE
        looser = [each for each in STRICTNESS if STRICTNESS.index(each) < STRICTNESS.index(state)]
        field = self.fields["to"]
        field.choices = [(each.value, PASSES[each]) for each in looser]  # type: ignore[attr-defined]
        field.initial = looser[-1].value if looser else None
        self.held = held.pk if held else 0
        self.fields["seen"].initial = self.held

    def clean(self) -> dict[str, Any]:
        """Of what is seen now, and not while looser limits wait."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and cleaned["seen"] != self.held:
            raise forms.ValidationError(WORDS[ChangedMeanwhile])
        if cleaned.get("to") is TradingState.ACTIVE and environment_limits.unacknowledged():
            raise forms.ValidationError(WORDS[LimitsLoosened])
        return cleaned

    def carry_out(self, actor: str) -> None:
        """The state, and the news of it."""
        told = self.cleaned_data
        switches.resume(told["to"], actor=actor, reason=self.recorded_reason, seen=told["seen"])


class LiveForm(SwitchForm):
    """Lets openings leave with real money, while nothing speaks against it."""

    permission = "change_execution_mode"
    title, button, done = "Real money", "Go LIVE", "The system is LIVE."

    def clean(self) -> dict[str, Any]:
        """What speaks against it is said before a code is asked for."""
        cleaned: dict[str, Any] = super().clean() or {}
        if execution_mode.current() is ExecutionMode.LIVE:
            raise forms.ValidationError("The system is LIVE already.")
        if against := live_gate.reasons_against():
            raise forms.ValidationError(against)
        return cleaned

    def carry_out(self, actor: str) -> None:
        """The mode, and the news of it."""
        switches.go_live(actor=actor, reason=self.recorded_reason)


class CanaryForm(SwitchForm):
    """What one LIVE order may be at most. Less is one step with a reason, more takes a super admin and a code."""

    permission = "loosen_limits"
    title, button, done = "Cap on one LIVE order", "Set the cap", "The cap holds from the next order on."
    amount = forms.DecimalField(
        label="At most, in USDC",
        required=False,
        min_value=Decimal(0),
        max_digits=24,
        decimal_places=6,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    is_lifted = forms.BooleanField(
        label="Lift it", required=False, widget=UnfoldBooleanWidget, help_text="The limits of all orders bind alone"
    )
    field_order = ("amount", "is_lifted", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text += ". Only for more than now"

    @property
    def cap(self) -> Decimal | None:
        """What is asked for; None lifts it."""
        amount: Decimal | None = None if self.cleaned_data["is_lifted"] else self.cleaned_data["amount"]
        return amount

    def is_start(self) -> bool:
        """Only more than now."""
        return canary_cap.is_looser(self.cap, canary_cap.current())

    def clean(self) -> dict[str, Any]:
        """One of the two, and who may: less is for whoever tightens limits."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and (cleaned["amount"] is None) is not cleaned["is_lifted"]:
            raise forms.ValidationError("Write an amount, or lift the cap.")
        if not self.errors and not self.is_start() and not roles.may(self.user, "tighten_limits"):
            raise forms.ValidationError("You may not change limits.")
        return cleaned

    def carry_out(self, actor: str) -> None:
        """The cap, and the news of it."""
        switches.cap_live_orders(self.cap, actor=actor, reason=self.recorded_reason)


class AcknowledgeForm(SwitchForm):
    """Lets the environment's looser limits hold; those that the page has shown, and no others."""

    permission = "loosen_limits"
    title, button = "Looser limits of the environment", "Acknowledge"
    done = "The looser limits hold. Openings wait until trading is resumed."
    number = forms.IntegerField(widget=forms.HiddenInput)
    field_order = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting = environment_limits.unacknowledged()
        self.fields["number"].initial = self.waiting and self.waiting.pk

    def clean(self) -> dict[str, Any]:
        """Limits that have changed since are looked at again."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and (self.waiting is None or cleaned["number"] != self.waiting.pk):
            raise forms.ValidationError(WORDS[NothingToAcknowledge])
        return cleaned

    def carry_out(self, actor: str) -> None:
        """The limits, and the news of it."""
        switches.acknowledge_limits(self.cleaned_data["number"], actor=actor, reason=self.recorded_reason)


FORMS: dict[str, type[SwitchForm]] = {
    "limits": AcknowledgeForm,
    "resume": ResumeForm,
    "live": LiveForm,
    "canary": CanaryForm,
}
