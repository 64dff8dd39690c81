"""Coming in to the admin in tests: a device without a telephone, its codes, and a session that had one.

client = logged_in(user)                                # where the log-in is not the subject
client.post(address, {"reason": "…", "code": code_for(user)})
"""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from adminpanel import roles
from adminpanel.groups import Role
from adminpanel.models import AdminDevice
from adminpanel.second_factor import device_of, fresh_code


def enrolled(user: User) -> AdminDevice:
    """The user's device, enrolled now where there is none."""
    return device_of(user) or AdminDevice.objects.create(user=user, name="test", confirmed=True)


def code_for(user: User) -> str:
    """A code that counts. At most two come at once: let `use_again` forget them, or time go on."""
    return fresh_code(enrolled(user))


def use_again(user: User) -> None:
    """Let the codes of this half-minute count once more."""
    AdminDevice.objects.filter(user=user).update(last_t=-1)


def logged_in(user: User) -> Client:
    """A browser in which the user has given password and code."""
    client = Client()
    log_in(client, user)
    return client


def log_in(client: Client, user: User) -> None:
    """The same in a browser that is there."""
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = enrolled(user).persistent_id
    session.save()


def make_user(name: str, role: Role = Role.NONE, **values: Any) -> User:
    """Staff with a role; without one, staff who may nothing."""
    user = User.objects.create_user(name, **{"is_staff": True, **values})
    if role:
        roles.give(user, role)
    return user
