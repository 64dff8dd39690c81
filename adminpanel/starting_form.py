"""What a form needs that starts something: a reason, a fresh code, and where it is asked for a second super admin's.

    class ResumeForm(StartForm):
        permission = "start_trading"

    form = ResumeForm(request.POST, user=request.user)
    if form.is_valid():
        trading_state.change(…, actor=…, reason=form.recorded_reason)

A model form that starts only sometimes overrides `is_start`; the code is asked for when everything else is right.
"""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from adminpanel import roles
from adminpanel.second_factor import CodeRefused, use_codes

APPROVER_FIELDS = ("approver", "approver_code")


def code_field(label: str, *, required: bool = True, help_text: str = "") -> forms.CharField:
    """Six digits from an authenticator."""
    attributes = {"inputmode": "numeric", "autocomplete": "one-time-code", "placeholder": "123 456"}
    return forms.CharField(
        label=label,
        required=required,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs=attributes),
        help_text=help_text,
    )


def start_fields() -> tuple[Any, ...]:
    """The names of the fields for an admin page's fieldsets: a second approver's only where one is needed."""
    return ("reason", "code", APPROVER_FIELDS) if settings.REQUIRE_SECOND_APPROVER else ("reason", "code")


class StartForm(forms.Form):
    """Starting is hard: `permission` is the control that both who fills it in and who approves must have."""

    permission: ClassVar[str] = ""
    user: User | None = None

    reason = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the audit log",
    )
    code = code_field(
        "Your code", required=False, help_text="From your authenticator; one that was not used yet, not even to log in"
    )
    approver = forms.CharField(
        label="Second super admin",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Their user name: somebody else has to agree",
    )
    approver_code = code_field("Their code", required=False)

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user or self.user
        self.approved_by: User | None = None
        if not settings.REQUIRE_SECOND_APPROVER:
            for name in APPROVER_FIELDS:
                del self.fields[name]

    def is_start(self) -> bool:
        """Whether what was filled in starts something, and needs the code."""
        return True

    def controls(self) -> tuple[str, ...]:
        """The controls that both need, all of them."""
        return (self.permission,)

    @property
    def recorded_reason(self) -> str:
        """The reason with who approved it, for the audit log."""
        reason = str(self.cleaned_data["reason"])
        return f"{reason} (approved by admin:{self.approved_by.get_username()})" if self.approved_by else reason

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, without a stub
        if not self.errors and self.is_start():
            self._ask_for_codes()

    def _ask_for_codes(self) -> None:
        """Use up the codes, once nothing else can fail."""
        if self.user is None or not self._may(self.user):
            self.add_error(None, "Only a super admin may do this.")
            return
        if not self.cleaned_data["reason"]:
            self.add_error("reason", "This needs a reason.")
        codes = {self.user: "code"}
        if settings.REQUIRE_SECOND_APPROVER and (approver := self._approver()):
            codes[approver] = "approver_code"
        for name in codes.values():
            if not self.cleaned_data.get(name):
                self.add_error(name, "This needs a code.")
        if self.errors:
            return
        for user, error in use_codes({user: self.cleaned_data[name] for user, name in codes.items()}).items():
            self.add_error(codes[user], _words(error))
        if not self.errors and len(codes) > 1:
            *_, self.approved_by = codes

    def _may(self, user: User) -> bool:
        return all(roles.may(user, control) for control in self.controls())

    def _approver(self) -> User | None:
        named = roles.super_admins().filter(username=self.cleaned_data.get("approver", "")).first()
        if named is None or named == self.user or not self._may(named):
            self.add_error("approver", "This needs the name of another super admin.")
            return None
        return named


def _words(error: CodeRefused) -> str:
    return error.words
