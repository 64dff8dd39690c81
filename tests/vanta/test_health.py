"""`/healthz` says that the process lives, `/readyz` whether orders can be taken; both say it soon, whatever hangs."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from feeds.consensus import Quote
from feeds.quote_store import write_quotes
from feeds.source_status import record_success
from feeds.sources import SOURCES
from feeds.stream_status import StreamStatus, record_stream
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.factories import make_market
from vanta import blockchain, clock, heartbeat, redis
from vanta.devservices import DevServices
from vanta.embedded.host import free_port
from vanta.health.surroundings import SUPERVISOR_FILE
from vanta.health.views import reporter
from vanta.heartbeat import BEAT_LOCK_KEY

ANSWERS_WITHIN_S = 2


@pytest.fixture(autouse=True)
def _fresh_report() -> Iterator[None]:
    reporter.forget()
    yield
    redis.client.cache_clear()
    reporter.forget()


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of somebody who accepts connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        yield silent.getsockname()[1]


@pytest.fixture
def healthy(transactional_db: None, settings: Settings, listener: int) -> None:
    """Everything that a check looks for is there, and committed: the checks have connections of their own."""
    settings.TELEGRAM_API_BASE_URL = settings.VERANTA_API_BASE_URL = f"http://127.0.0.1:{listener}"
    make_market()
    write_quotes([quote("ETH/USD")])
    for name in SOURCES:
        record_success(name, latency_ms=5, quotes=[quote("ETH/USD")], asked=1)
    record_stream(StreamStatus("here:1", "streaming", since_ms=0, last_price_ms=clock.now_ms()))
    heartbeat.beat("workers")
    heartbeat.beat("signing")
    heartbeat.beat("dispatcher")
    redis.client().set(BEAT_LOCK_KEY, "held", px=5000)
    blockchain.record_head(38_000_000, block_at_s=clock.now_ms() // 1000, chain_id=8453)


def quote(market: str) -> Quote:
    now_ms = clock.now_ms()
    return Quote(market, "avantis", "pyth", Decimal(3000), now_ms, now_ms, Decimal(1), 60_000)


def ready(client: Client) -> tuple[int, dict[str, Any], float]:
    started = time.monotonic()
    response = client.get("/readyz")
    return response.status_code, response.json(), time.monotonic() - started


def names(body: dict[str, Any], status: str) -> set[str]:
    return {name for name, check in body["checks"].items() if check["status"] == status}


def redis_status(client: Client) -> str:
    reporter.forget()
    return str(ready(client)[1]["checks"]["redis"]["status"])


def point_redis_at(port: int, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/1"
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{port}/0"
    redis.client.cache_clear()


def test_healthz_answers_without_database_redis_and_session(client: Client, settings: Settings) -> None:
    point_redis_at(free_port(), settings)  # and this test may not use the database

    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
    assert not response.cookies


@pytest.mark.usefixtures("healthy")
def test_a_healthy_system_is_ready_and_every_check_has_status_latency_and_detail(client: Client) -> None:
    code, body, _ = ready(client)

    assert names(body, "ok") | {"disk", "memory"} == set(body["checks"]), body
    assert code == 200
    assert all(check["latency_ms"] >= 0 and check["detail"] for check in body["checks"].values())


@pytest.mark.usefixtures("healthy")
def test_health_is_another_name_of_readyz(client: Client) -> None:
    assert client.get("/health").json().keys() == client.get("/readyz").json().keys()
    assert client.head("/health").status_code == 200
    assert client.post("/readyz").status_code == 405


@pytest.mark.usefixtures("healthy")
def test_what_is_not_critical_degrades_and_the_answer_stays_200(client: Client, settings: Settings) -> None:
    settings.TELEGRAM_API_BASE_URL = f"http://127.0.0.1:{free_port()}/bot"
    redis.client().delete("heartbeat:dispatcher", BEAT_LOCK_KEY, blockchain.KEY)

    code, body, _ = ready(client)

    assert (code, body["status"]) == (200, "degraded")
    assert names(body, "degraded") - {"disk", "memory"} == {"telegram", "dispatcher", "beat", "blockchain"}


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("lost", "failed"), [("heartbeat:workers", {"workers"}), ("quotes", {"feeds"})], ids=["workers", "feeds"]
)
def test_without_workers_or_prices_nobody_is_ready(client: Client, lost: str, failed: set[str]) -> None:
    keys = [key for key in redis.client().keys("*") if lost in key]
    redis.client().delete(*keys)

    code, body, _ = ready(client)

    assert (code, body["status"]) == (503, "failed")
    assert names(body, "failed") == failed


@pytest.mark.usefixtures("healthy")
def test_which_checks_are_critical_is_a_setting(client: Client, settings: Settings) -> None:
    redis.client().delete("heartbeat:workers", "heartbeat:dispatcher")
    settings.HEALTH_CRITICAL = ["database", "dispatcher"]

    code, body, _ = ready(client)

    assert code == 503
    assert names(body, "failed") == {"dispatcher"}
    assert body["checks"]["workers"] | {"latency_ms": 0, "detail": ""} == {
        "status": "degraded",
        "critical": False,
        "latency_ms": 0,
        "detail": "",
    }


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_readyz_says_within_two_seconds_that_redis_is_away(
    client: Client, settings: Settings, listener: int, how: str
) -> None:
    point_redis_at(listener if how == "hangs" else free_port(), settings)

    code, body, took_s = ready(client)

    assert code == 503
    assert names(body, "failed") == {"redis", "broker", "workers", "feeds"}
    assert body["checks"]["database"]["status"] == "ok"
    assert took_s < ANSWERS_WITHIN_S


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_readyz_says_within_two_seconds_that_postgresql_is_away(
    client: Client, listener: int, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", listener if how == "hangs" else free_port())

    code, body, took_s = ready(client)

    assert code == 503
    assert "database" in names(body, "failed")
    assert body["checks"]["redis"]["status"] == "ok"
    assert took_s < ANSWERS_WITHIN_S


@pytest.mark.crash
@pytest.mark.usefixtures("healthy")
def test_readyz_follows_a_redis_that_is_killed_and_comes_back(client: Client, settings: Settings) -> None:
    with DevServices.temporary() as services:
        point_redis_at(services.redis.port, settings)
        settings.REDIS_URL, settings.CELERY_BROKER_URL = services.redis.url(1), services.redis.url(0)
        before = redis_status(client)
        services.redis.kill()
        killed = redis_status(client)
        services.redis.restart()
        after = redis_status(client)

    services.remove()
    assert (before, killed, after) == ("ok", "failed", "ok")


@pytest.mark.usefixtures("healthy")
def test_a_process_that_keeps_failing_degrades_though_it_runs_again_and_again(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    units = {"web": {"state": "running", "restarts": 0}, "beat": {"state": "failing", "restarts": 12}}
    (tmp_path / SUPERVISOR_FILE).write_text(json.dumps({"pid": os.getppid(), "units": units}))

    code, body, _ = ready(client)

    assert (code, body["status"]) == (200, "degraded")
    assert body["checks"]["supervisor"]["detail"] == "beat failing"


@pytest.mark.usefixtures("healthy")
def test_details_are_for_operators_only_in_production(client: Client, settings: Settings) -> None:
    settings.PRODUCTION, settings.HEALTH_TOKEN = True, "operators-only"

    assert "detail" not in client.get("/readyz").json()["checks"]["database"]
    assert "detail" not in client.get("/readyz?token=guess").json()["checks"]["database"]
    for told in (
        client.get("/readyz?token=operators-only"),
        client.get("/readyz", headers={"x-health-token": "operators-only"}),
    ):
        assert "PostgreSQL" in told.json()["checks"]["database"]["detail"]


@pytest.mark.usefixtures("healthy")
def test_an_empty_token_opens_nothing_in_production(client: Client, settings: Settings) -> None:
    settings.PRODUCTION, settings.HEALTH_TOKEN = True, ""

    assert "detail" not in client.get("/readyz?token=").json()["checks"]["database"]


@pytest.mark.usefixtures("healthy")
def test_the_checks_leave_no_database_connection_behind(client: Client) -> None:
    ready(client)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert cursor.fetchone() == (1,)


@pytest.mark.usefixtures("healthy")
def test_only_the_allowed_origins_may_read_the_health_pages(client: Client, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://status.example"]

    for path in ("/healthz", "/readyz", "/health"):
        allowed = client.get(path, headers={"origin": "https://status.example"})
        other = client.get(path, headers={"origin": "https://other.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://status.example"
        assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Origin" not in client.get("/", headers={"origin": "https://status.example"}).headers


@pytest.mark.parametrize(("live", "status", "code"), [(False, "degraded", 200), (True, "failed", 503)])
def test_without_a_signing_worker_paper_trading_goes_on_and_live_trading_does_not(
    client: Client, healthy: None, live: bool, status: str, code: int
) -> None:
    redis.client().delete("heartbeat:signing")
    if live:
        execution_mode.change(ExecutionMode.LIVE, actor="test", reason="test")

    answered, body, _ = ready(client)

    assert (answered, body["status"], names(body, status)) == (code, status, {"signing"})
    assert body["checks"]["signing"]["critical"] is live
