"""The page that connects a wallet, and what its scripts ask for. Words for people are in `static/connect/words.js`.

The link's token is in the address, so nothing here is cached, framed or referred from. The browser that uses a link
gets a cookie for it: a reload goes on where it was, another browser is told that the link was used.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from trading.errors import LinkUnusable, WalletRefused
from trading.models import ConnectLink, Delegate
from trading.onboarding.progress import progress
from trading.services import onboarding

log = structlog.get_logger(__name__)
COOKIE = "vanta_connect"
SALT = "trading.onboarding"
PATH = "/connect/"
MAX_BODY_BYTES = 10_000
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",  # wallets announce their icons as data: addresses
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
STATUS_CODES = {"unknown": 404, "expired": 410, "used": 410}
Body = dict[str, Any]
View = Callable[..., HttpResponse]


def guarded(view: View) -> View:
    """Headers for every answer, and refusals as codes that the page has words for."""

    @wraps(view)
    @never_cache
    def respond(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except LinkUnusable as error:
            response = JsonResponse({"error": error.reason}, status=STATUS_CODES[error.reason])
        except WalletRefused as error:
            log.info("wallet_refused", reason=error.reason)
            response = JsonResponse({"error": error.reason}, status=400)
        response["Content-Security-Policy"] = _policy()
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex"
        return response

    return respond


def _policy() -> str:
    """With the sandbox, which production refuses, its wallet may be asked as well."""
    return POLICY.replace("connect-src 'self'", f"connect-src 'self' {settings.SANDBOX_URL}".strip())


@require_GET
@ensure_csrf_cookie
@guarded
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The page; a link that never was gets one that says so."""
    try:
        trader = onboarding.find_link(token).trader
    except LinkUnusable:
        return render(request, "onboarding/connect.html", {"problem": "unknown"}, status=404)
    sandbox_wallet = f"{settings.SANDBOX_URL}/wallet/{trader.telegram_id}" if settings.SANDBOX_URL else ""
    shown = {"person": onboarding.person(trader), "sandbox_wallet": sandbox_wallet}
    return render(request, "onboarding/connect.html", shown)


@require_GET
@guarded
def state(request: HttpRequest, token: str) -> HttpResponse:
    """How far it is. Where this browser has connected a wallet for somebody else before, that is said."""
    link = onboarding.find_link(token)
    told = progress(link, is_ours=_is_ours(request, link))
    if other := _person_before(request, link):
        told["person_before"] = other
    return JsonResponse(told)


@require_POST
@guarded
def message(request: HttpRequest, token: str) -> HttpResponse:
    """`{wallet}` → the message that this wallet has to sign."""
    link = onboarding.find_link(token)
    onboarding.require_usable(link)
    return JsonResponse({"message": onboarding.sign_in_message(link, _text(_body(request), "wallet"))})


@require_POST
@guarded
def wallet(request: HttpRequest, token: str) -> HttpResponse:
    """`{wallet, signature, days}`: the proof. The link is used by it, and this browser is remembered."""
    body = _body(request)
    days = body.get("days")
    onboarding.prove_wallet(
        token=token,
        wallet=_text(body, "wallet"),
        signature=_text(body, "signature"),
        days=days if isinstance(days, int) else 0,
    )
    link = onboarding.find_link(token)
    response = JsonResponse(progress(link, is_ours=True))
    response.set_signed_cookie(
        COOKIE,
        str(link.pk),
        salt=SALT,
        max_age=int(onboarding.PAGE_VALID.total_seconds()),
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@require_POST
@guarded
def signature(request: HttpRequest, token: str) -> HttpResponse:
    """`{signature}` of the stored request."""
    _, delegate = _ours(request, token)
    onboarding.accept_signature(delegate.pk, _text(_body(request), "signature"))
    return JsonResponse(progress(onboarding.find_link(token), is_ours=True))


@require_POST
@guarded
def look(request: HttpRequest, token: str) -> HttpResponse:
    """Something may have changed in the wallet: have it looked at."""
    link, delegate = _ours(request, token)
    onboarding.look_now(delegate)
    return JsonResponse(progress(link, is_ours=True))


def _ours(request: HttpRequest, token: str) -> tuple[ConnectLink, Delegate]:
    """The link that this browser has used, with its delegate. Raises LinkUnusable."""
    link = onboarding.find_link(token)
    if link.delegate is None or not _is_ours(request, link):
        raise LinkUnusable("used" if link.used_at else "expired")
    return link, link.delegate


def _is_ours(request: HttpRequest, link: ConnectLink) -> bool:
    return _cookie(request) == str(link.pk)


def _person_before(request: HttpRequest, link: ConnectLink) -> str:
    """Whom this browser has connected a wallet for before, where that is another Telegram account."""
    before = ConnectLink.objects.select_related("trader").filter(pk=_cookie(request) or 0).first()
    return onboarding.person(before.trader) if before and before.trader_id != link.trader_id else ""


def _cookie(request: HttpRequest) -> str:
    max_age = int(onboarding.PAGE_VALID.total_seconds())
    return str(request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=max_age))


def _body(request: HttpRequest) -> Body:
    """The JSON object that was sent. Raises WalletRefused."""
    try:
        body = json.loads(request.read(MAX_BODY_BYTES))
    except (ValueError, RecursionError):
        raise WalletRefused("not_understood") from None
    if not isinstance(body, dict):
        raise WalletRefused("not_understood")
    return body


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise WalletRefused("not_understood")
    return value
