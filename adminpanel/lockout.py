"""Against guessing at the log-in: five failures lock a name for an address, for LOG_IN_LOCK_MINUTES. What axes asks us.

Nobody can lock out a name for other addresses than their own, so a super admin is never locked out by strangers.
"""

from ipaddress import ip_address
from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from adminpanel.access_settings import FAILURES
from vanta import audit

LONGEST_NAME = 150


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
