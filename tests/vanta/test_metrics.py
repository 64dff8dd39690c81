"""`/metrics` adds up what all processes counted, and reads at each scrape what waits now."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from tests.factories import make_message, make_order, make_position
from tests.stack import Stack
from vanta import clock, heartbeat
from vanta.celery import app
from vanta.embedded.host import free_port

COUNT = "from vanta import metrics; metrics.commands.labels('counted').inc(3)"
# Committed rows: a scrape has database connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def value(text: str, series: str) -> float | None:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def total(text: str, metric: str) -> float:
    return sum(float(number) for number in re.findall(rf"^{metric}{{.*}} (\S+)$", text, re.MULTILINE))


def scrape(client: Client) -> str:
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
    assert value(text, 'vanta_positions_open{mode="DRY"}') == 1
    assert value(text, "vanta_outbox_pending") == 1
    assert 90 <= (value(text, "vanta_outbox_oldest_seconds") or 0) < 100
    assert value(text, "vanta_inbox_pending") == 0
    assert (value(text, 'vanta_heartbeat_age_seconds{name="workers"}') or 0) < 5
    assert value(text, 'vanta_scrape_failed{part="queues"}') == 0


def test_the_depth_of_every_queue_is_there(client: Client) -> None:
    for _ in range(3):
        app.send_task("vanta.tasks.observe_chain", queue="messages")

    text = scrape(client)

    assert value(text, 'vanta_queue_depth{queue="messages"}') == 3
    assert set(re.findall(r'vanta_queue_depth\{queue="(\w+)"\}', text)) == {
        "updates",
        "orders",
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
    for _ in range(2):
        script = f"import django; django.setup(); {COUNT}"
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
    assert {value(text, 'vanta_commands_total{command="counted"}') for text in scrapes} == {6}
