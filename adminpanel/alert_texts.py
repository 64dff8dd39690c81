"""What alerts say: what happened, what it means, where to look. HTML of the Bot API; values in, text out."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from django.conf import settings

from adminpanel.models import Alert
from adminpanel.navigation import FEEDS_PAGE, LIMITS_PAGE
from trading.telegram import time_words

Kind = Alert.Kind
SHOWN = 6
LONGEST_SUBJECT, LONGEST_SAID = 150, 400  # six of them are below the 4096 characters that Telegram takes


@dataclass(frozen=True, slots=True)
class Words:
    """Of one kind: what is so, what that means, what is so once it is over, and the page that shows more."""

    title: str
    meaning: str
    over: str
    page: str = "/admin/"


WORDS: dict[str, Words] = {
    Kind.TRADING_STOPPED: Words(
        "Trading is stopped",
        "Nothing opens; halted, nothing leaves but cancels. A super admin resumes it in the admin site.",
        "Trading goes on",
        "/admin/risk/tradingstatechange/",
    ),
    Kind.NOT_READY: Words("Vanta is not ready", "Orders are not taken while this lasts.", "Vanta is ready again"),
    Kind.DEGRADED: Words("Something around Vanta fails", "Trading goes on without it.", "All checks pass again"),
    Kind.WORKER_MISSING: Words(
        "A worker is missing",
        "What is ordered waits; closings and stops are carried out by the dispatcher.",
        "All workers are back",
    ),
    Kind.BEAT_MISSING: Words(
        "Beat is missing", "Prices are not polled and the books not checked: start beat.", "Beat is back"
    ),
    Kind.DISPATCHER_MISSING: Words(
        "The dispatcher is missing",
        "What no wake announces is not found: start it.",
        "The dispatcher is back",
    ),
    Kind.DISK_FULL: Words("A disk is nearly full", "A full one stops everything: make room.", "There is room again"),
    Kind.MEMORY_SHORT: Words(
        "Memory is short", "The system may end a process soon: run fewer, or give it more.", "There is memory again"
    ),
    Kind.QUEUE_AGE: Words(
        "Something lies too long", "Nobody takes it up: is its worker running?", "Nothing lies about any more"
    ),
    Kind.INVARIANT_BROKEN: Words(
        "The books do not agree",
        "Openings are stopped; closing works. Look at the rows in the admin before anybody resumes trading: "
        "this must never happen.",
        "The books agree again",
        "/admin/trading/invariantbreach/",
    ),
    Kind.UNKNOWN_ORDER: Words(
        "What became of an order is not known after two minutes",
        "It is never sent again. /why tells its story; look at the order's page.",
        "The fate of every order is known",
        "/admin/trading/order/",
    ),
    Kind.VENUE_ALARM: Words(
        "Something is wrong with the venue", "", "The venue's alarms are over", "/admin/trading/venuealarm/"
    ),
    Kind.RATE_LIMIT_ABUSE: Words(
        "Somebody runs into limits again and again",
        "A script or a frightened person: talk to them, or disable the trader. Closings are never held up.",
        "Nobody runs into limits any more",
        LIMITS_PAGE,
    ),
    Kind.DENIAL_SPIKE: Words(
        "Far more orders are denied than usual",
        "Look at what they are denied for: prices, the venue, or limits that were changed.",
        "Denials are back to normal",
        "/admin/trading/order/",
    ),
    Kind.PRICE_STREAM: Words(
        "The price stream does not flow",
        "Prices are polled each second instead: trading goes on with prices that are a little older.",
        "The price stream flows again",
        FEEDS_PAGE,
    ),
}


def begins(alert: Alert, subjects: Mapping[str, str], lasted: dt.timedelta) -> str:
    """It has lasted, or there is more of it: the subjects that are news."""
    return _text(f"{_sign(alert)} <b>{WORDS[alert.kind].title}</b>{_for(lasted)}", alert, subjects)


def lasts(alert: Alert, subjects: Mapping[str, str], lasted: dt.timedelta) -> str:
    """It was told before, goes on, and nobody has said that they have it."""
    return _text(f"⏰ <b>Still: {_lower(WORDS[alert.kind].title)}</b>{_for(lasted)}", alert, subjects)


def is_over(alert: Alert, lasted: dt.timedelta, how: str) -> str:
    """What was told is over."""
    head = f"🟢 <b>{WORDS[alert.kind].over}</b>, after {_age(lasted)}"
    return "\n".join([head, *([escape(how)] if how else []), *_who(alert)])


def has_passed(alert: Alert, lasted: dt.timedelta) -> str:
    """It lasted, and is over, and nobody could be told meanwhile."""
    words = WORDS[alert.kind]
    return f"🟠 <b>It is over: {_lower(words.title)}</b>, for {_age(lasted)}\nWhy: {escape(alert.detail)}"


def is_taken(alert: Alert) -> str:
    """Somebody has it; the tapped message says so in place of its button."""
    words = WORDS[alert.kind]
    state = words.over if alert.ended_at else words.title
    return "\n".join([f"✋ <b>{state}</b>", escape(alert.detail), *_who(alert)])


def _text(head: str, alert: Alert, subjects: Mapping[str, str]) -> str:
    words = WORDS[alert.kind]
    lines = [_line(subject, said) for subject, said in list(subjects.items())[:SHOWN]]
    more = len(subjects) - len(lines)
    meaning = [words.meaning] if words.meaning else []
    address = escape(f"{settings.PUBLIC_BASE_URL.rstrip('/')}{words.page}")
    look = f"Look: {'/feeds or ' if words.page == FEEDS_PAGE else ''}{address}"
    return "\n".join([head, *lines, *([f"… and {more} more"] if more > 0 else []), *meaning, "", look])


def _line(subject: str, said: str) -> str:
    subject, said = _cut(subject, LONGEST_SUBJECT), _cut(said, LONGEST_SAID)
    if not subject:
        return f"Why: {escape(said)}"
    return f"• {escape(subject)}: {escape(said)}" if said else f"• {escape(subject)}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _sign(alert: Alert) -> str:
    return "🚨" if alert.is_critical else "🔴"


def _who(alert: Alert) -> list[str]:
    return [f"{escape(alert.acknowledged_by)} has it."] if alert.acknowledged_at else []


def _for(lasted: dt.timedelta) -> str:
    """Nothing for what was told at once."""
    return f", for {_age(lasted)}" if lasted >= dt.timedelta(seconds=10) else ""


def _age(lasted: dt.timedelta) -> str:
    return time_words.age(round(lasted.total_seconds() * 1000))


def _lower(title: str) -> str:
    return title if title.startswith("Vanta") else title[:1].lower() + title[1:]
