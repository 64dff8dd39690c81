"""`/metrics` adds up what all processes counted, and reads at each scrape what waits now."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from feeds.models import ConsensusLoss
from feeds.price_terms import forget_price_terms
from feeds.quote_store import write_quotes
from feeds.source_status import CIRCUIT_OPENS_AFTER, record_failure, record_success
from feeds.sources.base import SourceError
from feeds.stream_status import StreamStatus, record_stream
from tests.factories import make_market, make_message, make_order, make_position
from tests.feeds.quotes import as_of_now, quote
from tests.stack import Stack
from vanta import clock, heartbeat, redis
from vanta.celery import app
from vanta.embedded.host import free_port
from vanta.health import views

COUNT = "from vanta import metrics; metrics.commands.labels('counted').inc(3)"
# Committed rows: a scrape has database connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def value(text: str, series: str) -> float | None:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def total(text: str, metric: str) -> float:
    return sum(float(number) for number in re.findall(rf"^{metric}{{.*}} (\S+)$", text, re.MULTILINE))


@pytest.fixture(autouse=True)
def _nothing_outside(settings: Settings) -> None:
    """A scrape also makes the readiness checks."""
    settings.TELEGRAM_API_BASE_URL = settings.VERANTA_API_BASE_URL = f"http://127.0.0.1:{free_port()}"


def scrape(client: Client) -> str:
    views.scrape.forget()
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    return response.content.decode()


def test_what_waits_is_read_at_each_scrape(client: Client) -> None:
    make_order(state="UNKNOWN")
    make_order(state="FILLED")
    make_position()
    make_message(created_at=clock.now() - timedelta(seconds=90))
    make_message(status="sent")
    heartbeat.beat("workers")

    text = scrape(client)

    assert value(text, 'vanta_orders_pending{mode="DRY",state="UNKNOWN"}') == 1
    assert value(text, 'vanta_positions_open{mode="DRY",side="long"}') == 1
    assert value(text, "vanta_outbox_pending") == 1
    assert 90 <= (value(text, "vanta_outbox_oldest_seconds") or 0) < 100
    assert value(text, "vanta_inbox_pending") == 0
    assert (value(text, 'vanta_heartbeat_age_seconds{name="workers"}') or 0) < 5
    assert value(text, 'vanta_scrape_failed{part="queues"}') == 0


def test_how_each_source_is_can_be_scraped(client: Client) -> None:
    record_success(
        "avantis",
        latency_ms=3,
        quotes=[as_of_now(quote(), 4000)],
        asked=1,
    )
    for _ in range(CIRCUIT_OPENS_AFTER):
        record_failure("coingecko", error=SourceError("HTTP 500"), latency_ms=3, longest_pause_s=60)
    record_failure("chainlink", error=SourceError("x", retry_after_s=60), latency_ms=3, longest_pause_s=60)

    text = scrape(client)

    ages = re.findall(r'^vanta_feed_newest_quote_age_seconds\{source="(\w+)"\} (\S+)$', text, re.MULTILINE)
    assert [name for name, _ in ages] == ["avantis"]
    assert 4 <= float(ages[0][1]) < 10
    assert by_source(text, "failures") == {"avantis": 0, "chainlink": 1, "coingecko": CIRCUIT_OPENS_AFTER}
    assert by_source(text, "circuit_open") == {"avantis": 0, "chainlink": 0, "coingecko": 1}
    assert by_source(text, "paused") == {"avantis": 0, "chainlink": 1, "coingecko": 1}


def by_source(text: str, name: str) -> dict[str, float]:
    found = re.findall(rf'^vanta_feed_{name}\{{source="(\w+)"\}} (\S+)$', text, re.MULTILINE)
    return {source: float(number) for source, number in found}


def test_how_the_stream_is_can_be_scraped(client: Client) -> None:
    text = scrape(client)

    assert value(text, "vanta_feed_stream_flowing") == 0
    assert value(text, "vanta_feed_stream_price_age_seconds") is None

    record_stream(StreamStatus("here:1", "streaming", since_ms=1, last_price_ms=clock.now_ms() - 1000))
    text = scrape(client)

    assert value(text, "vanta_feed_stream_flowing") == 1
    assert 1 <= (value(text, "vanta_feed_stream_price_age_seconds") or 0) < 5
    assert value(text, "vanta_feed_stream_failures") == 0

    record_stream(StreamStatus("here:1", "restarting", since_ms=1, last_price_ms=clock.now_ms() - 6000, failures=4))
    text = scrape(client)

    assert value(text, "vanta_feed_stream_flowing") == 0
    assert value(text, "vanta_feed_stream_failures") == 4


def test_which_markets_have_a_price_can_be_scraped(client: Client) -> None:
    forget_price_terms()
    make_market("ETH/USD")
    make_market("BTC/USD")
    make_market("EUR/USD", group_index=2, is_open=False)
    write_quotes([replace(quote(), timestamp_ms=clock.now_ms(), received_at_ms=clock.now_ms())])
    ConsensusLoss.objects.create(price_symbol="BTC/USD", reason="no_quotes", began_at=clock.now())
    ConsensusLoss.objects.create(
        price_symbol="ETH/USD", reason="no_quotes", began_at=clock.now(), ended_at=clock.now() + timedelta(minutes=1)
    )

    text = scrape(client)

    assert value(text, "vanta_feed_markets_open") == 2
    assert value(text, "vanta_feed_markets_priced") == 1
    assert value(text, "vanta_feed_losses_open") == 1


def test_without_redis_no_market_has_a_price_and_the_sources_are_unknown(client: Client, settings: Settings) -> None:
    make_market("ETH/USD")
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/1"
    redis.client.cache_clear()

    text = scrape(client)
    redis.client.cache_clear()

    assert value(text, "vanta_feed_markets_priced") == 0
    for part in ("feed_sources", "feed_stream"):
        assert value(text, f'vanta_scrape_failed{{part="{part}"}}') == 1
    assert "vanta_feed_failures{" not in text
    assert "vanta_feed_stream_flowing" not in text


def test_the_depth_of_every_queue_is_there(client: Client) -> None:
    for _ in range(3):
        app.send_task("vanta.tasks.observe_chain", queue="messages")

    text = scrape(client)

    assert value(text, 'vanta_queue_depth{queue="messages"}') == 3
    assert set(re.findall(r'vanta_queue_depth\{queue="(\w+)"\}', text)) == {
        "updates",
        "orders",
        "signing",
        "messages",
        "feeds",
        "maintenance",
    }


def test_a_part_that_cannot_be_read_is_left_out_and_named(client: Client, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"

    text = scrape(client)

    assert value(text, 'vanta_scrape_failed{part="queues"}') == 1
    assert value(text, 'vanta_scrape_failed{part="orders"}') == 0
    assert "vanta_queue_depth{" not in text


def test_no_secret_is_told(client: Client, settings: Settings) -> None:
    text = scrape(client)

    for secret in (settings.SECRET_KEY, settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_WEBHOOK_SECRET):
        assert secret not in text


def test_in_production_only_the_holder_of_the_health_token_may_scrape(client: Client, settings: Settings) -> None:
    settings.PRODUCTION, settings.HEALTH_TOKEN = True, "operators-only"

    for address in ("/metrics", "/metrics?token=guess"):
        refused = client.get(address)
        assert refused.status_code == 403
        assert b"vanta_" not in refused.content
    assert client.get("/metrics?token=operators-only").status_code == 200
    assert client.get("/metrics", headers={"x-health-token": "operators-only"}).status_code == 200


def test_in_production_without_a_health_token_nobody_may_scrape(client: Client, settings: Settings) -> None:
    settings.PRODUCTION, settings.HEALTH_TOKEN = True, ""

    assert client.get("/metrics?token=").status_code == 403


@pytest.mark.processes
def test_a_scrape_of_any_web_worker_adds_up_what_all_processes_counted(tmp_path: Path) -> None:
    counters = tmp_path / "metrics"
    counters.mkdir()
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(counters), "WEB_CONCURRENCY": "2"}
    for host in ("one", "other"):  # containers: their process ids are the same
        alike = f"import os, socket; socket.gethostname = lambda: '{host}'; os.getpid = lambda: 7"
        script = f"{alike}; import django; django.setup(); {COUNT}"
        own = {**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "vanta.settings"}
        subprocess.run([sys.executable, "-c", script], check=True, env=own)

    with Stack("web", log_dir=tmp_path, environment=environment) as stack:
        for _ in range(40):  # without the secret: refused, and counted by whichever worker it reached
            httpx.post(f"{stack.url}/telegram/webhook/", json={}, trust_env=False)
        scrapes = [httpx.get(f"{stack.url}/metrics", trust_env=False).text for _ in range(6)]

    webhooks = {
        sum(float(n) for n in re.findall(r"^vanta_webhooks_total\{.*\} (\S+)$", text, re.M)) for text in scrapes
    }
    assert webhooks == {40}
    assert {value(text, 'vanta_http_seconds_count{answer="4xx",view="telegram-webhook"}') for text in scrapes} == {40}
    assert {value(text, 'vanta_commands_total{command="counted"}') for text in scrapes} == {6}
