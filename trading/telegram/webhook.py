"""The webhook: check the secret, store the update, answer. Nothing is decided here.

PostgreSQL down: 503, Telegram sends it again. Redis down: stored and answered, the dispatcher finds it.
"""

import hmac
import json
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from vanta import clock, metrics, tracing
from vanta.wake import burst, nudge_dispatcher

log = structlog.get_logger(__name__)
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  (the header's name)
_SECRET_VARIABLE = "HTTP_" + SECRET_HEADER.upper().replace("-", "_")
MAX_BODY_BYTES = 1024 * 1024
BIGINT = 2**63
URGENT_COMMANDS = ("/close", "/cancel", "/sl", "/stop", "/halt", "/maintenance", "/panic")
URGENT_TAPS = ("close:", "cancel:", "stops:", "revoke_now:", "panic:")
_INSERT = """
    INSERT INTO trading_telegramupdate
        (update_id, chat_id, user_id, payload, trace_id, status, attempts, error, received_at, is_urgent)
    VALUES (%s, %s, %s, %s, %s, 'new', 0, '', %s, %s)
    ON CONFLICT (update_id) DO NOTHING
"""


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def webhook(request: HttpRequest) -> HttpResponse:
    """Store one update exactly once. 403 wrong secret, 413 too large, 400 not an update, 503 no database."""
    given = request.META.get(_SECRET_VARIABLE, "")  # request.headers would parse all of them
    expected = settings.TELEGRAM_WEBHOOK_SECRET
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        return _answer(403, "forbidden")
    if _content_length(request) > MAX_BODY_BYTES:
        return _answer(413, "too_large")
    update = _parse(request)
    payload = _as_stored(update) if update else None
    if update is None or payload is None:
        return _answer(400, "not_an_update")
    try:
        is_new = _store(update, payload)
    except DatabaseError as error:
        log.warning("update_not_stored", update_id=update["update_id"], error=type(error).__name__)
        return _answer(503, "database_down")
    if is_new and not burst("updates").publish():
        _nudge()
    return _answer(200, "stored" if is_new else "repeated")


def _answer(status: int, outcome: str) -> HttpResponse:
    metrics.webhooks.labels(outcome).inc()
    return HttpResponse(outcome, status=status, content_type="text/plain")


def _content_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else MAX_BODY_BYTES + 1


def _parse(request: HttpRequest) -> dict[str, Any] | None:
    try:
        update = json.loads(request.read(MAX_BODY_BYTES + 1))
    except (ValueError, RecursionError):
        return None
    if not isinstance(update, dict):
        return None
    update_id = update.get("update_id")
    is_valid = isinstance(update_id, int) and not isinstance(update_id, bool) and 0 <= update_id < BIGINT
    return update if is_valid else None


def _as_stored(update: dict[str, Any]) -> str | None:
    """The update as JSON that PostgreSQL takes: it has neither NUL nor half a surrogate pair. None where it has NaN.

    An update that could never be stored would be sent again for ever.
    """
    try:
        text = json.dumps(update, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return text.encode("utf-8", "replace").decode().replace("\\u0000", "\\ufffd")


def _store(update: dict[str, Any], payload: str) -> bool:
    """True where this update_id was not there before."""
    chat_id, user_id = sender(update)
    row = [update["update_id"], chat_id, user_id, payload, tracing.current_trace_id(), clock.now(), _is_urgent(update)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, row)
        return bool(cursor.rowcount == 1)


def _nudge() -> None:
    try:
        nudge_dispatcher()
    except DatabaseError as error:
        log.warning("nudge_failed", error=type(error).__name__)  # the dispatcher polls anyway


def sender(update: dict[str, Any]) -> tuple[int, int]:
    """(chat id, user id) of an update; zeros where it has none."""
    tap = _dict(update.get("callback_query"))
    message = _dict(update.get("message")) or _dict(tap.get("message"))
    user = _dict(tap.get("from")) or _dict(message.get("from"))
    return _id(_dict(message.get("chat")).get("id")), _id(user.get("id"))


def _is_urgent(update: dict[str, Any]) -> bool:
    text = _dict(update.get("message")).get("text")
    tapped = _dict(update.get("callback_query")).get("data")
    return (isinstance(text, str) and text.lower().startswith(URGENT_COMMANDS)) or (
        isinstance(tapped, str) and tapped.startswith(URGENT_TAPS)
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < BIGINT else 0
