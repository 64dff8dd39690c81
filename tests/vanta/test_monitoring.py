"""The alerts and the dashboard ask for nothing that `/metrics` does not tell, and the runbook knows every alert."""

import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from django.test import Client
from pytest_django import Settings

from adminpanel.models import Alert
from feeds.quote_store import write_quotes
from feeds.stream_status import StreamStatus, record_stream
from tests.factories import make_market, make_trader
from tests.feeds.quotes import as_of_now, quote
from tests.vanta.test_metrics import scrape
from trading import outbox
from trading.books import INVARIANTS
from trading.models import Delegate, InvariantLook, VenueAlarm
from vanta import audit_watch, clock, heartbeat, metrics
from vanta.embedded.host import free_port
from vanta.health.surroundings import SUPERVISOR_FILE

CHECKOUT = Path(__file__).resolve().parents[2]
ALERTS = CHECKOUT / "deploy/prometheus/alerts.yml"
RUNBOOK = (CHECKOUT / "docs/operations.md").read_text()
NAME = re.compile(r"\b(?:vanta_\w+|up)\b(?!\s*\()")
SELECTOR = re.compile(r"\b(vanta_\w+)\{([^}]*)\}")
COMPARED = (  # an alert that compares another value would never come
    'vanta_trading_state{state="active"}',
    'vanta_check_status{check="beat"}',
    'vanta_check_status{check="dispatcher"}',
    'vanta_heartbeat_age_seconds{name="workers"}',
)
PARTS = ("_bucket", "_sum", "_count")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboard_expressions() -> list[str]:
    dashboard = json.loads((CHECKOUT / "deploy/grafana/vanta.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


@pytest.fixture
def told(transactional_db: None, client: Client, settings: Settings, tmp_path: Path) -> str:
    """A scrape while everything is there that is left out where there is none of it."""
    settings.TELEGRAM_API_BASE_URL = settings.VERANTA_API_BASE_URL = f"http://127.0.0.1:{free_port()}"
    settings.STATE_DIR = tmp_path
    unit = {"web": {"state": "running", "restarts": 0}}
    (tmp_path / SUPERVISOR_FILE).write_text(json.dumps({"pid": psutil.Process().ppid(), "units": unit}))
    make_market("ETH/USD")
    write_quotes([as_of_now(quote(), 4000)])
    record_stream(StreamStatus("here:1", "streaming", since_ms=1, last_price_ms=clock.now_ms()))
    heartbeat.beat("workers")
    Delegate.objects.create(
        trader=make_trader(), wallet_address="0x1", status="active", expires_at=clock.now() + dt.timedelta(days=3)
    )
    InvariantLook.objects.create(is_whole=True, is_clean=True)
    audit_watch.look()
    return scrape(client)


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of every metric that is told; of a counter that nothing has counted yet those it will have."""
    found: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^# TYPE (vanta_\w+) (\w+)$", text, re.MULTILINE):
        for series in [name + part for part in PARTS] if kind == "histogram" else [name]:
            found[series] = {"le"} if series.endswith("_bucket") else set()
    for name, labels in re.findall(r"^(vanta_\w+)\{(.*)\} ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    for counter in vars(metrics).values():
        for name in found:
            if hasattr(counter, "_labelnames") and name.startswith(counter._name):
                found[name].update(counter._labelnames)
    return found


def test_every_metric_and_label_that_is_asked_for_exists(told: str) -> None:
    known = labels_of(told)
    expressions = [rule["expr"] for rule in rules()] + dashboard_expressions()

    for expression in expressions:
        assert {name for name in NAME.findall(expression) if name not in known} <= {"up"}, expression
        for name, selectors in SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", selectors)) <= known[name], expression
    for series in COMPARED:
        assert f"\n{series} " in told


def test_every_alert_has_a_severity_a_summary_and_a_place_in_the_runbook() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"\n### {rule['alert']}\n" in RUNBOOK, rule["alert"]


def test_the_runbook_knows_everything_that_the_admins_chat_can_be_told() -> None:
    assert [kind for kind in Alert.Kind.values if f"\n| `{kind}` " not in RUNBOOK] == []
    codes = [*VenueAlarm.Kind.values, *(invariant.code for invariant in INVARIANTS), *Alert.Kind.values]
    methods = [outbox.CLOSING_STUCK, outbox.DAY_LOCKED]

    assert [code for code in [*codes, *methods] if f"`{code}`" not in RUNBOOK] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_rules_and_sees_them_come_when_they_should() -> None:
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
