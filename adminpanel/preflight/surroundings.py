"""Checks of what surrounds Vanta: its own front door, the venue, the chain, everybody's clocks."""

from collections.abc import Callable, Iterator

import redis
from django.conf import settings
from django.db import Error, connection

from adminpanel.preflight.asking import Failed, ask, date_of, server_of
from adminpanel.preflight.findings import Finding, amber, green, red
from adminpanel.preflight.stores import TIMEOUT_S
from trading.models import VenueAlarm, VenueIdentity
from vanta import clock
from vanta.node import NodeErrors, node

BASE = 8453  # where the venue is, until it was asked
SERVER_ERROR = 500
VENUE = ("VERANTA_API_BASE_URL", "VERANTA_TX_BUILDER_URL", "VERANTA_FEED_URL", "VERANTA_HISTORY_API_URL")
SLIGHTLY_OFF_MS, OFF_MS = 500, 2000
HTTP_DATE_MS = 1000  # a Date header is cut to the second


def health_endpoints() -> Finding:
    """`/healthz` and `/readyz` by the public address, as a load balancer asks them."""
    address = settings.PUBLIC_BASE_URL.rstrip("/")
    token = {"X-Health-Token": settings.HEALTH_TOKEN} if settings.HEALTH_TOKEN else {}
    try:
        alive, ready = ask(f"{address}/healthz"), ask(f"{address}/readyz", headers=token)
        checks = ready.json()["checks"]
    except Failed as error:
        return red(f"{address} does not answer: {type(error).__name__}.", "Start `web`; look at the proxy.")
    except (ValueError, KeyError, TypeError):
        return red(f"{address}/readyz is not Vanta's: status {ready.status_code}.", "Look at PUBLIC_BASE_URL.")
    if not alive.is_success:
        return red(f"/healthz answers {alive.status_code}.", "Look at the log of `web`.")
    bad = ", ".join(_told(name, check) for name, check in checks.items() if check["status"] != "ok")
    if not ready.is_success:
        return red(f"/readyz answers {ready.status_code}: {bad}.", "docs/operations.md, When something is down.")
    if bad:
        return amber(f"/readyz is degraded: {bad}.", "docs/operations.md, When something is down.")
    return green(f"/healthz and /readyz answer, all {len(checks)} checks are fine.")


def _told(name: str, check: dict[str, str]) -> str:
    return f"{name} ({check['detail']})" if check.get("detail") else name


def venue() -> Finding:
    """All its services answer; it is who it was; nothing about it waits for a person."""
    silent = [name for name in VENUE if not _answers(getattr(settings, name))]
    if silent:
        return red(f"The venue does not answer at {', '.join(silent)}.", "Its status page; our network; the settings.")
    if VenueIdentity.objects.filter(refused__isnull=False).exists():
        return red(
            "The venue's chain or router has changed: nothing is signed.", "manage.py trust_venue, once you know."
        )
    alarms = VenueAlarm.objects.count()
    if alarms:
        return amber(f"{alarms} venue alarms are open.", "Venue alarms in the admin; docs/operations.md.")
    return green("The venue's services answer, and it has no alarm.")


def _answers(url: str) -> bool:
    """Any answer below 500 counts: the path is nobody's."""
    try:
        return ask(f"{url.rstrip('/')}/").status_code < SERVER_ERROR
    except Failed:
        return False  # that is the finding


def blockchain() -> Finding:
    """Base's node answers, is on the venue's chain, and knows a young block."""
    try:
        eth = node(settings.BASE_RPC_URL).eth
        block, chain_id = eth.get_block("latest"), int(eth.chain_id)
    except NodeErrors as error:  # its text may hold the URL, and with it a key
        return red(f"Base's node does not answer: {type(error).__name__}.", "Look at BASE_RPC_URL, take another node.")
    pinned = VenueIdentity.objects.filter(address=settings.VERANTA_TX_BUILDER_URL).first()
    wanted = pinned.chain_id if pinned else BASE
    if chain_id != wanted:
        return red(f"The node is on chain {chain_id}, the venue on {wanted}.", "Correct BASE_RPC_URL.")
    age_s = clock.now_ms() / 1000 - int(block["timestamp"])
    if age_s > settings.BLOCK_MAX_AGE_S:
        return red(f"Its newest block {block['number']} is {age_s:.0f} s old.", "Take another node: BASE_RPC_URL.")
    return green(f"Block {block['number']} of chain {chain_id} is {max(age_s, 0):.0f} s old.")


def clocks() -> Finding:
    """This clock beside PostgreSQL's, Redis's, the venue's and Telegram's; who does not answer says nothing."""
    offsets = dict(_offsets_ms())
    if not offsets:
        return red("Nobody could be asked what time it is.", "See the other checks.")
    who, worst_ms = max(offsets.items(), key=lambda each: abs(each[1]))
    if abs(worst_ms) > OFF_MS:
        return red(
            f"This clock and that of {who} are {abs(worst_ms) / 1000:.1f} s apart.", "chronyc tracking, on both."
        )
    if abs(worst_ms) > SLIGHTLY_OFF_MS:
        return amber(f"This clock and that of {who} are {abs(worst_ms) / 1000:.1f} s apart.", "chronyc tracking.")
    return green(f"In step with {', '.join(offsets)}, within {abs(worst_ms):.0f} ms.")


def _offsets_ms() -> Iterator[tuple[str, float]]:
    """How far ahead of ours each clock is, as far as the way of the question lets us see."""
    asked: dict[str, tuple[Callable[[], float | None], float]] = {
        "PostgreSQL": (_postgresqls_ms, 0),
        "Redis": (_rediss_ms, 0),
        "the venue": (lambda: _servers_ms(settings.VERANTA_API_BASE_URL), HTTP_DATE_MS),
        "Telegram": (lambda: _servers_ms(server_of(settings.TELEGRAM_API_BASE_URL)), HTTP_DATE_MS),
    }
    for who, (read_ms, cut_ms) in asked.items():
        before_ms = clock.now_ms()
        theirs_ms = read_ms()
        if theirs_ms is not None:
            yield who, _outside(theirs_ms, theirs_ms + cut_ms, before_ms, clock.now_ms())


def _outside(earliest: float, latest: float, before: float, after: float) -> float:
    """By how much their time lies outside of when we asked; 0 where it may have been the same."""
    return earliest - after if earliest > after else latest - before if latest < before else 0


def _postgresqls_ms() -> float | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp()) * 1000")
            return float(cursor.fetchone()[0])
    except Error:
        return None  # its own check says so


def _rediss_ms() -> float | None:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        ) as client:
            seconds, microseconds = client.time()
    except redis.RedisError:
        return None  # its own check says so
    return float(seconds * 1000 + microseconds / 1000)


def _servers_ms(url: str) -> float | None:
    try:
        seconds = date_of(ask(url))
    except Failed:
        return None  # its own check says so
    return None if seconds is None else seconds * 1000
