"""Coming in: name, password and a code on one form; a device is enrolled at the first log-in, and nothing else is open
until it is. Each log-in is an entry in the audit log.
"""

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from adminpanel import roles
from adminpanel.lockout import client_address
from adminpanel.second_factor import CodeLocked, CodeRefused, device_of, require_fresh_code
from adminpanel.starting_form import code_field
from vanta import audit, clock


class LogInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """A wrong code and a wrong password look the same, and count the same."""

    code = code_field("Code from your authenticator", required=False, help_text="Empty at your first log-in")

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["code"].widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)

    def clean(self) -> dict[str, Any]:
        """Ask for the code after the password, so that strangers cannot lock anybody's device."""
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        device = device_of(user)
        if device is None:
            return cleaned
        try:
            require_fresh_code(user, cleaned.get("code", ""))
        except CodeLocked as error:
            raise ValidationError(error.words) from error
        except CodeRefused as error:
            user_login_failed.send(__name__, credentials={"username": user.get_username()}, request=self.request)
            raise self.get_invalid_login_error() from error
        user.otp_device = device  # django-otp writes it into the session
        return cleaned


class LogInView(LoginView):
    """Django's, with an entry in the audit log."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Log in, and write down from where."""
        with transaction.atomic():
            answer = super().form_valid(form)
            ends = clock.now() + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
            self.request.session.set_expiry(ends)  # whatever is written into the session until then
            user = form.get_user()
            after = {"address": client_address(self.request), "code": hasattr(user, "otp_device")}
            audit.append(actor=_actor(user), action="log_in", subject=f"user:{user.pk}", after=after)
        return answer


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]  # unfold has no types
    """A new password of one's own ends all other sessions, and is written down."""

    def save(self, commit: bool = True) -> User:
        """Both in one transaction."""
        with transaction.atomic():
            user: User = super().save(commit)
            audit.append(actor=_actor(user), action="password.change", subject=f"user:{user.pk}")
        return user


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm


class EnrolmentForm(forms.Form):
    """The first code of a new device."""

    code = code_field("The code that it shows now")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"class": " ".join(BASE_INPUT_CLASSES), "autofocus": ""}


def end_sessions(user: User, *, actor: User, reason: str = "") -> int:
    """Log a user out everywhere, with its entry; how many sessions ended."""
    with transaction.atomic():
        ended = roles.log_out_everywhere(user)
        audit.append(
            actor=_actor(actor),
            action="log_out_everywhere",
            subject=f"user:{user.pk}",
            after={"sessions": ended},
            reason=reason,
        )
    return ended


def _actor(user: User) -> str:
    return f"admin:{user.get_username()}"
