"""Checks of Telegram: it sends updates to us, we take them, and what is owed to the super admins arrives."""

import datetime as dt
import threading
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from telegram import WebhookInfo
from telegram.error import TelegramError

from adminpanel.preflight.asking import Failed, ask
from adminpanel.preflight.findings import Finding, amber, green, red, shortcoming
from trading import outbox
from trading.models import OutboxMessage
from trading.telegram import cards
from trading.telegram.client import bot_loop
from trading.telegram.webhook import SECRET_HEADER
from vanta import clock, tracing

LATELY = dt.timedelta(minutes=10)
MANY_PENDING = 100
DELIVERED_WITHIN_S = 20
POLL_S = 0.2
WORDS = "🧪 A test by <code>manage.py preflight</code>: alerts reach this chat. Nothing to do."


def webhook() -> Finding:
    """Telegram knows our address, and our web process takes what carries our secret and nothing else."""
    wanted = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/telegram/webhook/"
    bot = bot_loop()
    try:
        told = bot.run(bot.bot.get_webhook_info())
    except TelegramError as error:
        return red(f"Telegram does not answer: {type(error).__name__}.", "TELEGRAM_BOT_TOKEN; our network.")
    if told.url != wanted:
        return red(f"Telegram sends updates to {told.url or 'nobody'}, not to {wanted}.", "manage.py register_bot")
    problem = _secret_problem(wanted)
    return red(problem, "Restart `web` with the same TELEGRAM_WEBHOOK_SECRET.") if problem else _as_it_runs(told)


def _as_it_runs(told: WebhookInfo) -> Finding:
    if told.last_error_date and clock.now() - told.last_error_date < LATELY:
        return amber(
            f"Telegram was refused lately: {told.last_error_message}.", "manage.py register_bot; the log of `web`."
        )
    if told.pending_update_count > MANY_PENDING:
        return amber(f"{told.pending_update_count} updates wait at Telegram.", "Is `web` fast enough? docs/scaling.md.")
    return green(f"Telegram sends to {told.url}, and our secret is asked for there.")


def _secret_problem(url: str) -> str:
    """What is wrong with how the address takes secrets, in a sentence; an update without a number is never stored."""
    try:
        ours = ask(url, headers={SECRET_HEADER: settings.TELEGRAM_WEBHOOK_SECRET}, body="{}").status_code
        wrong = ask(url, headers={SECRET_HEADER: "not the secret"}, body="{}").status_code
    except Failed as error:
        return f"{url} does not answer: {type(error).__name__}."
    if wrong != HTTPStatus.FORBIDDEN:
        return f"{url} answers {wrong} to a wrong secret, not 403."
    if ours != HTTPStatus.BAD_REQUEST:
        return f"{url} answers {ours} to our secret."
    return ""


def alerts(pause: Callable[[], object] | None = None, within_s: float = DELIVERED_WITHIN_S) -> Finding:
    """A test message to each super admin, by the way that alerts go, and waited for."""
    admins = sorted(set(settings.SUPER_ADMIN_IDS))
    if not admins:
        return shortcoming("Nobody would be alerted: SUPER_ADMIN_IDS is empty.", "Set it, then manage.py sync_admins.")
    with tracing.bind_trace("") as trace_id, transaction.atomic(), outbox.together():
        for admin in admins:
            outbox.owe(admin, "sendMessage", cards.text(WORDS))
    _wait_for(trace_id, pause or _pause, clock.monotonic() + within_s)
    rows = list(OutboxMessage.objects.filter(trace_id=trace_id))
    missing = {row.chat_id: row.last_error for row in rows if row.status != OutboxMessage.Status.SENT}
    if missing:
        why = ", ".join(f"{chat}{f' ({error})' if error else ''}" for chat, error in missing.items())
        return red(
            f"Not delivered within {within_s:g} s to {why}.",
            "They write /start to the bot; is `worker-messages` running?",
        )
    return green(f"A test message reached {len(rows)} super admins.")


def _wait_for(trace_id: str, pause: Callable[[], object], until: float) -> None:
    waiting = OutboxMessage.objects.filter(trace_id=trace_id, status=OutboxMessage.Status.PENDING)
    while waiting.exists() and clock.monotonic() < until:
        pause()


def _pause() -> None:
    threading.Event().wait(POLL_S)
