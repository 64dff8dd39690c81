"""The form that a super admin says who somebody is with. What lets somebody in, or further in, needs a fresh code."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from adminpanel import roles
from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from adminpanel.starting_form import StartForm

ROLES = [(Role.NONE.value, "none"), (Role.ADMIN.value, "Admin"), (Role.SUPER_ADMIN.value, "Super admin")]


class UserForm(StartForm, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Taking a role away, closing a log-in and ending sessions take a reason; the rest takes a code as well."""

    permission = "manage_roles"

    new_role = forms.ChoiceField(label="Role", choices=ROLES, required=False, widget=UnfoldAdminSelectWidget)
    telegram_id = forms.IntegerField(
        label="Telegram id",
        required=False,
        min_value=1,
        max_value=2**52,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="12 characters at least; without one nobody logs in. Ends their sessions",
    )
    log_out = forms.BooleanField(
        label="Log out everywhere", required=False, widget=UnfoldBooleanWidget, help_text="Ends all of their sessions"
    )
    forget_device = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, help_text="Their next log-in enrols another one"
    )

    class Meta:
        model = User
        fields = ("username", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.instance.pk is not None
        account = AdminAccount.objects.filter(user=self.instance).first() if known else None
        self.role_before = roles.role_of(self.instance) if known else Role.NONE
        self.was_active = known and self.instance.is_active
        self.fields["new_role"].initial = self.role_before.value
        self.fields["telegram_id"].initial = account and account.telegram_id
        self.fields["username"].disabled = known

    @property
    def role(self) -> Role:
        """What was chosen."""
        return Role(self.cleaned_data["new_role"])

    @property
    def ends_sessions(self) -> bool:
        """Whoever has less from now on, or another password or device, logs in again."""
        cleaned = self.cleaned_data
        told = cleaned.get("log_out") or cleaned.get("forget_device") or cleaned["new_password"]
        return bool(told) or self._is_less() or (self.was_active and not cleaned["is_active"])

    def _is_less(self) -> bool:
        return self.role.rank < self.role_before.rank

    def is_start(self) -> bool:
        """Whatever lets somebody in, or further in."""
        cleaned = self.cleaned_data
        opens = cleaned["is_active"] and not self.was_active
        renews = bool(cleaned["new_password"] or cleaned.get("forget_device") or "telegram_id" in self.changed_data)
        return bool(opens) or renews or self.role.rank > self.role_before.rank

    def clean_telegram_id(self) -> int | None:
        """One person each."""
        number: int | None = self.cleaned_data["telegram_id"]
        if number and AdminAccount.objects.filter(telegram_id=number).exclude(user=self.instance.pk).exists():
            raise forms.ValidationError("Somebody else has this Telegram id.")
        return number

    def clean_new_password(self) -> str:
        """As strong as everybody's."""
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean(self) -> dict[str, Any]:
        """Somebody has to be left who can start things."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors or not self.was_active or self.role_before is not Role.SUPER_ADMIN:
            return cleaned
        others = roles.super_admins().exclude(pk=self.instance.pk)
        if (self._is_less() or not cleaned["is_active"]) and not others.exists():
            raise forms.ValidationError("This is the only super admin. Name another one first.")
        return cleaned
