"""Against guessing at the log-in: five failures lock a name for an address, for LOG_IN_LOCK_MINUTES. What axes asks us.

Nobody can lock out a name for other addresses than their own, so a super admin is never locked out by strangers.
"""

import datetime as dt
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import structlog
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from adminpanel.access_settings import FAILURES
from vanta import audit, clock
from vanta.models import AuditEntry

LONGEST_NAME = 150
MOST_A_MINUTE = 20
UNKNOWN_NAME = "a name that does not exist"
log = structlog.get_logger(__name__)


def client_address(request: HttpRequest) -> str | None:
    """Who asks: the last address that the trusted proxy added; without one, whoever is connected; None by a socket."""
    if settings.TRUST_PROXY_HEADERS:
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if _is_address(told):
            return told
    return str(request.META.get("REMOTE_ADDR", "")) or None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def locked_page(request: HttpRequest, _original: HttpResponse, _credentials: Any) -> HttpResponse:
    """The answer while it is locked: 429, how long, and what a super admin can do."""
    context = {
        **admin.site.each_context(request),
        "title": "Locked",
        "minutes": settings.LOG_IN_LOCK_MINUTES,
    }
    answer = render(request, "adminpanel/locked.html", context, status=429)
    answer["Retry-After"] = str(settings.LOG_IN_LOCK_MINUTES * 60)
    return answer


@receiver(user_login_failed)
def record_failure(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """An entry for each failure of a name that exists, the last being its lock; of other names MOST_A_MINUTE at most.

    A name that is locked is not asked any more, so nobody fills the log with one. A name that does not exist is not
    written down: it may be somebody's password.
    """
    if request is None or getattr(request, "axes_locked_out", False):
        return
    name = str(credentials.get("username") or "")[:LONGEST_NAME]
    is_known = User.objects.filter(username=name).exists()
    after = {"address": client_address(request)}
    log.warning("log_in_failed", name=name if is_known else None, **after)
    if is_known or not _are_many_lately():
        with transaction.atomic():
            subject = f"name:{name}" if is_known else UNKNOWN_NAME
            audit.append(actor="log-in", action="log_in.fail", subject=subject, after=after)


def _are_many_lately() -> bool:
    failures = AuditEntry.objects.filter(action="log_in.fail", subject=UNKNOWN_NAME).order_by("-seq")
    lately = list(failures.values_list("created_at", flat=True)[:MOST_A_MINUTE])
    return len(lately) == MOST_A_MINUTE and lately[-1] > clock.now() - dt.timedelta(minutes=1)


@receiver(user_locked_out)
def record_lock(request: HttpRequest, username: str, ip_address: str, **_: Any) -> None:
    """An entry for the failure that locked, and none for those that follow."""
    if getattr(request, "axes_failures_since_start", None) is None:
        return
    with transaction.atomic():
        audit.append(
            actor="log-in",
            action="log_in.lock",
            subject=f"name:{(username or '')[:LONGEST_NAME]}",
            after={"address": ip_address, "failures": FAILURES},
        )
