"""The second factor: a device that makes codes. Each code counts once; five wrong ones lock it for a while.

Whoever starts something asks for a *fresh* code: `require_fresh_code`, or a form with `StartForm`. A code that was used
to log in is not fresh any more. No code is ever asked for in a chat.
"""

import datetime as dt
import hmac
from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django_otp.oath import hotp

from adminpanel.models import AdminDevice
from vanta import audit, clock
from vanta.errors import VantaError

TRIES = 5
LOCKED_FOR = dt.timedelta(minutes=15)
STEP_S, DIGITS = 30, 6
TOLERANCE = 1  # steps before and after now, for clocks that differ


class CodeRefused(VantaError):
    """The code does not count; `words` say what to do."""

    code = "code_refused"
    words = "That is not the code. Enter the one that your authenticator shows now."


class CodeWrong(CodeRefused):
    """It is none of the device's codes around now. The try was counted."""

    code = "code_wrong"


class CodeUsed(CodeRefused):
    """It counted before, or a later one did."""

    code = "code_used"
    words = "This code was used already. Wait for the next one, half a minute at most."


class CodeLocked(CodeRefused):
    """Too many tries; nothing counts until the lock has ended."""

    code = "code_locked"
    words = f"Too many wrong codes. Wait {LOCKED_FOR.seconds // 60} minutes."


class NoDevice(CodeRefused):
    """The user has not enrolled a device."""

    code = "no_device"
    words = "No device makes codes for this user yet: log in once to enrol one."


def device_of(user: User) -> AdminDevice | None:
    """The device that makes a user's codes; None while none is enrolled."""
    found: AdminDevice | None = AdminDevice.objects.filter(user=user, confirmed=True).first()
    return found


def code_at(secret_key: bytes, step: int) -> str:
    """The code of one step of 30 s, as the device shows it."""
    return f"{hotp(secret_key, step, DIGITS):0{DIGITS}d}"


def step_now() -> int:
    """The number of the current step."""
    return int(clock.now().timestamp()) // STEP_S


def fresh_code(device: AdminDevice) -> str:
    """A code that will be accepted: the current one, or the next where the current one was used."""
    return code_at(device.bin_key, max(step_now(), device.last_t + 1))


def require_fresh_code(user: User, code: str) -> None:
    """Use up a code of the user's device. Raises CodeWrong, CodeUsed, CodeLocked, NoDevice.

    A wrong code is counted in the transaction that runs: a caller that lets the error roll one back forgets the try. So
    ask before your own transaction begins, or in a form, which catches it.
    """
    if refused := use_codes({user: code}):
        raise refused[user]


def use_codes(codes: Mapping[User, str], *, is_enrolled: bool = True) -> dict[User, CodeRefused]:
    """Use up a code of each user, all of them or none; what was wrong with whose. A wrong one is counted."""
    with transaction.atomic():
        devices = _locked(codes, is_enrolled)
        steps: dict[User, int] = {}
        refused: dict[User, CodeRefused] = {}
        for user, code in codes.items():
            try:
                steps[user] = _step_of(devices.get(user.pk), code)
            except CodeRefused as error:
                refused[user] = error
        for user, why in refused.items():
            _count(devices.get(user.pk), why)
        if not refused:
            for user, step in steps.items():
                _use(devices[user.pk], step)
    return refused


def _locked(users: Iterable[User], is_enrolled: bool) -> dict[int, AdminDevice]:
    """The devices under their locks, always in the same order."""
    rows = AdminDevice.objects.select_for_update().filter(user__in=[user.pk for user in users], confirmed=is_enrolled)
    return {device.user_id: device for device in rows.order_by("pk")}


def _step_of(device: AdminDevice | None, code: str) -> int:
    if device is None:
        raise NoDevice
    if is_locked(device):
        raise CodeLocked(user=device.user_id)
    now = step_now()
    # The earliest first: where a code is shown twice, the later one is left.
    for step in range(now - TOLERANCE, now + TOLERANCE + 1):
        if hmac.compare_digest(code_at(device.bin_key, step).encode(), code.replace(" ", "").encode()):
            if step <= device.last_t:
                raise CodeUsed(user=device.user_id)
            return step
    raise CodeWrong(user=device.user_id)


def is_locked(device: AdminDevice) -> bool:
    """Whether too many wrong codes were tried of late."""
    tried_at = device.throttling_failure_timestamp
    return device.throttling_failure_count >= TRIES and tried_at is not None and clock.now() < tried_at + LOCKED_FOR


def _count(device: AdminDevice | None, error: CodeRefused) -> None:
    """A wrong code counts against the device; the fifth locks it, which is kept in the audit log."""
    if device is None or not isinstance(error, CodeWrong):
        return
    had_its_lock = device.throttling_failure_count >= TRIES
    device.throttling_failure_count = 1 if had_its_lock else device.throttling_failure_count + 1
    device.throttling_failure_timestamp = clock.now()
    device.save(update_fields=["throttling_failure_count", "throttling_failure_timestamp"])
    if device.throttling_failure_count == TRIES:
        name = device.user.get_username()
        subject = f"user:{device.user_id}"
        audit.append(actor=f"admin:{name}", action="code.lock", subject=subject, after={"tries": TRIES})


def _use(device: AdminDevice, step: int) -> None:
    device.last_t = step
    device.last_used_at = clock.now()
    device.throttling_failure_count = 0
    device.throttling_failure_timestamp = None
    device.save(
        update_fields=["last_t", "last_used_at", "throttling_failure_count", "throttling_failure_timestamp"]
    )  # fmt: skip


# Enrolment


def device_to_enrol(user: User) -> AdminDevice:
    """The device that waits for its first code; the same one until then, so that a page can be loaded again."""
    found, _ = AdminDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})
    return found  # type: ignore[no-any-return]  # django-otp has no types


def enrol(user: User, code: str) -> AdminDevice:
    """Make the device that waits the user's own, by its first code.

    Raises CodeWrong, CodeLocked, and NoDevice where none waits because one is enrolled already.
    """
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # of two enrolments at once the second one finds the first
        if device_of(user):
            AdminDevice.objects.filter(user=user, confirmed=False).delete()
        refused = use_codes({user: code}, is_enrolled=False)
        if not refused:
            confirm(user)
    if refused:
        raise refused[user]
    return AdminDevice.objects.get(user=user, confirmed=True)  # type: ignore[no-any-return]  # django-otp has no types


def confirm(user: User) -> None:
    """Let the device that waits count from now on. In a transaction, under the user's lock."""
    AdminDevice.objects.filter(user=user, confirmed=False).update(confirmed=True)
    audit.append(actor=f"admin:{user.get_username()}", action="device.enrol", subject=f"user:{user.pk}")


def forget_device(user: User) -> bool:
    """Let the next log-in enrol another device; whether there was one. The caller's entry in the audit log says why."""
    deleted, _ = AdminDevice.objects.filter(user=user).delete()
    return bool(deleted)
