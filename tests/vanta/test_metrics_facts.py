"""Facts of the database in `/metrics`: read at the scrape, for all who ask at once, and never a reason to hang."""

import datetime as dt
import json
import socket
from collections.abc import Iterator
from contextlib import closing, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connections
from django.test import Client
from prometheus_client.core import Metric
from pytest_django import Settings

from feeds.models import LastMark
from feeds.quote_store import write_quotes
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_order, make_position, make_trader
from tests.feeds.quotes import as_of_now, quote
from tests.vanta.test_metrics import scrape, value
from trading.models import Delegate, InvariantBreach, InvariantLook, OrderEvent, VenueAlarm
from vanta import audit, audit_watch, clock, redis
from vanta.embedded.host import free_port
from vanta.health import views
from vanta.health.families import Rarely
from vanta.health.surroundings import SUPERVISOR_FILE, supervised
from vanta.queues import BrokerDown, depths
from vanta.supervision.environment import new_key_encryption_key

pytestmark = pytest.mark.django_db(transaction=True)
PARTS = ("controls", "orders", "messages", "denials", "disputes", "delegates", "sums", "machine", "processes")


@pytest.fixture(autouse=True)
def _nothing_outside(settings: Settings) -> None:
    settings.TELEGRAM_API_BASE_URL = settings.VERANTA_API_BASE_URL = f"http://127.0.0.1:{free_port()}"


def ago(**span: float) -> dt.datetime:
    return clock.now() - dt.timedelta(**span)


def test_the_trading_state_and_the_mode_are_gauges_with_labels(client: Client) -> None:
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")

    text = scrape(client)

    states = {state: value(text, f'vanta_trading_state{{state="{state}"}}') for state in TradingState}
    assert states == {TradingState.ACTIVE: 0, TradingState.REDUCING: 0, TradingState.HALTED: 1}
    assert value(text, 'vanta_execution_mode{mode="DRY"}') == 1
    assert value(text, 'vanta_execution_mode{mode="LIVE"}') == 0


def test_how_long_an_order_is_unknown_and_another_is_due(client: Client) -> None:
    unknown = make_order(state="UNKNOWN", mode="LIVE", next_check_at=ago(seconds=30))
    OrderEvent.objects.create(order=unknown, sequence=9, to_state="UNKNOWN", at=ago(seconds=150))
    make_order(state="FILLED", next_check_at=ago(days=1))

    text = scrape(client)

    assert 150 <= (value(text, 'vanta_orders_unknown_oldest_seconds{mode="LIVE"}') or 0) < 170
    assert value(text, 'vanta_orders_unknown_oldest_seconds{mode="DRY"}') == 0
    assert value(text, 'vanta_orders_due{mode="LIVE"}') == 1
    assert 30 <= (value(text, 'vanta_orders_due_oldest_seconds{mode="LIVE"}') or 0) < 50


def test_exposure_is_there_by_mode_and_side_also_where_it_is_zero(client: Client) -> None:
    make_position(collateral_usd=Decimal(100), leverage=Decimal(10))
    make_position(collateral_usd=Decimal(50), leverage=Decimal(2))

    text = scrape(client)

    assert value(text, 'vanta_exposure_notional_usd{mode="DRY",side="long"}') == 1100
    assert value(text, 'vanta_exposure_collateral_usd{mode="DRY",side="long"}') == 150
    assert value(text, 'vanta_exposure_notional_usd{mode="LIVE",side="short"}') == 0


def test_denials_of_the_last_minutes_and_who_hits_the_limits_most(client: Client) -> None:
    eager = make_trader()
    for reason in ("opens_per_minute", "opens_per_minute,margin", "trades_per_day,hourly_volume"):
        make_order(trader=eager, state="DENIED", reason=reason, decided_at=clock.now())
    make_order(state="DENIED", reason="opens_per_minute", decided_at=ago(minutes=6))

    text = scrape(client)

    assert value(text, 'vanta_denials_recent{code="opens_per_minute",mode="DRY"}') == 2
    assert value(text, "vanta_rate_limited_most") == 3
    assert value(text, "vanta_rate_limited_traders") == 1
    assert value(text, 'vanta_traders_active{mode="DRY"}') == 2


def test_what_somebody_has_to_look_at_is_counted_by_kind(client: Client) -> None:
    InvariantBreach.objects.create(code="ledger_sums_to_zero", subject="x", detail="y")
    InvariantBreach.objects.create(code="ledger_sums_to_zero", subject="z", detail="y", ended_at=clock.now())
    InvariantLook.objects.create(at=ago(seconds=70), is_whole=True, is_clean=False)
    VenueAlarm.objects.create(kind=VenueAlarm.Kind.BOOKS, subject="trader 1")
    trader = make_trader(disputed_since=clock.now())
    Delegate.objects.create(
        trader=trader, wallet_address="0x1", status="active", key_id=new_key_encryption_key("k")[:1],
        expires_at=clock.now() + dt.timedelta(days=3),
    )  # fmt: skip

    text = scrape(client)

    assert value(text, 'vanta_invariant_breaches{code="ledger_sums_to_zero"}') == 1
    assert value(text, 'vanta_invariant_breaches{code="history_is_whole"}') == 0
    assert value(text, 'vanta_venue_alarms{kind="books"}') == 1
    assert value(text, 'vanta_disputed{about="books"}') == 1
    assert 70 <= (value(text, "vanta_invariant_look_age_seconds") or 0) < 90
    assert 2.9 < (value(text, "vanta_delegate_next_expiry_seconds") or 0) / 86_400 < 3
    assert value(text, 'vanta_ledger_difference_usd{mode="DRY"}') == 0  # although a trader was given money


def test_a_broken_audit_log_is_a_gauge_and_so_is_the_look_at_it(client: Client) -> None:
    assert value(scrape(client), "vanta_audit_broken") is None
    audit_watch.look()
    assert value(scrape(client), "vanta_audit_broken") == 0
    redis.client().set(audit.HEAD_KEY, "7:00")  # entries that are there no more

    audit_watch.look()

    text = scrape(client)
    assert value(text, "vanta_audit_broken") == 1
    assert (value(text, "vanta_audit_look_age_seconds") or 0) < 10


def test_prices_have_an_age_by_source_and_class_of_market(client: Client) -> None:
    make_market("ETH/USD")
    write_quotes([as_of_now(quote(), 4000)])
    LastMark.objects.create(
        price_symbol="ETH/USD", price=3000, uncertainty=1, as_of=ago(seconds=8), updated_at=clock.now()
    )

    text = scrape(client)

    assert 4 <= (value(text, 'vanta_feed_class_quote_age_seconds{market_class="CRYPTO1",source="avantis"}') or 0) < 10
    assert 8 <= (value(text, 'vanta_feed_class_mark_age_seconds{market_class="CRYPTO1"}') or 0) < 20


def test_the_machine_and_the_restarts_of_supervised_processes(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.STATE_DIR = tmp_path
    units = {"web": {"state": "running", "restarts": 2}, "beat": {"state": "failing", "restarts": 9}}
    status = {"pid": psutil.Process().ppid(), "units": units}
    (tmp_path / SUPERVISOR_FILE).write_text(json.dumps(status))
    assert supervised() == units

    text = scrape(client)

    assert value(text, 'vanta_process_restarts_total{process="beat"}') == 9
    assert value(text, 'vanta_process_running{process="beat"}') == 0
    assert 0 < (value(text, "vanta_machine_memory_used_ratio") or 0) < 1
    assert 0 < (value(text, 'vanta_machine_disk_used_ratio{of="state"}') or 0) < 1
    assert (value(text, 'vanta_machine_cpu_seconds_total{did="user"}') or 0) > 0


def test_a_scrape_says_whether_orders_can_be_taken_and_which_check_fails(client: Client) -> None:
    views.reporter.forget()

    text = scrape(client)

    assert value(text, "vanta_ready") == 0
    assert value(text, 'vanta_check_status{check="workers"}') == 2
    assert value(text, 'vanta_check_status{check="beat"}') == 1
    assert value(text, 'vanta_check_status{check="database"}') == 0


def test_many_who_scrape_cost_as_much_as_one(client: Client) -> None:
    first = scrape(client)
    make_order(state="UNKNOWN")

    again = client.get("/metrics").content.decode()

    unknown = 'vanta_orders_pending{mode="DRY",state="UNKNOWN"}'
    assert value(first, unknown) is None
    assert value(again, unknown) is None
    assert value(scrape(client), unknown) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_costly_part_is_asked_once_a_minute_whatever_came_of_it(fails: bool) -> None:
    asked = []

    def probe() -> list[Metric]:
        asked.append(1)
        if fails:
            raise TimeoutError
        return []

    rarely = Rarely(probe, seconds=60)
    for _ in range(3):
        with pytest.raises(TimeoutError) if fails else nullcontext():
            rarely()

    assert len(asked) == 1


@pytest.fixture
def database_down() -> Iterator[None]:
    """New connections, which a scrape makes, go to a port where nobody listens."""
    kept: Any = connections.settings["default"]["PORT"]
    connections.settings["default"]["PORT"] = free_port()
    yield
    connections.settings["default"]["PORT"] = kept


@pytest.mark.usefixtures("database_down")
def test_without_a_database_everything_else_is_told(client: Client) -> None:
    views.reporter.forget()

    text = scrape(client)

    failed = {part for part in PARTS if value(text, f'vanta_scrape_failed{{part="{part}"}}')}
    assert failed == set(PARTS) - {"machine", "processes"}
    assert value(text, "vanta_ready") == 0
    assert value(text, 'vanta_check_status{check="database"}') == 2
    assert "vanta_exposure_notional_usd" not in text
    assert value(text, 'vanta_queue_depth{queue="orders"}') == 0


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of somebody who accepts connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        yield silent.getsockname()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_accepts_and_never_answers_is_down(settings: Settings, silent_port: int, scheme: str) -> None:
    settings.CELERY_BROKER_URL = f"{scheme}://127.0.0.1:{silent_port}//"

    with pytest.raises(BrokerDown):
        depths()
