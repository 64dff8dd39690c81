"""The books, the audit log and the backups are looked at anew each time, and so are queues and prices."""

import datetime as dt
from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection, transaction
from pytest_django import Settings

from adminpanel.preflight import books, work
from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_trader
from trading import invariants
from trading.models import Account
from vanta import audit, canaries, clock, redis
from vanta.backup import PROVEN
from vanta.celery import QUEUE_NAMES, app
from vanta.embedded.host import free_port
from vanta.models import AuditEntry
from vanta.tasks import carry_canary

pytestmark = pytest.mark.django_db


def test_a_broken_book_is_red_and_one_that_nobody_looks_at_amber() -> None:
    trader = make_trader()
    assert books.books_agree().colour == "amber"
    invariants.check()
    assert books.books_agree().colour == "green"

    Account.objects.filter(trader=trader).update(free_balance_usd=1)

    finding = books.books_agree()
    assert finding.colour == "red"
    assert "balance_is_the_ledgers" in finding.saw


def append(action: str = "test") -> AuditEntry:
    with transaction.atomic():
        return audit.append(actor="test", action=action, subject="vanta-1.dump")


def test_an_edited_audit_log_is_red_and_one_without_a_kept_head_amber() -> None:
    trading_state.change(TradingState.HALTED, actor="ada", reason="a test")
    assert books.audit_log().colour == "amber"  # heads are kept at the commit, which a test does not reach
    redis.client().set(audit.HEAD_KEY, f"1:{AuditEntry.objects.get().hmac}")
    assert books.audit_log().colour == "green"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE vanta_auditentry DISABLE TRIGGER USER")
    AuditEntry.objects.update(actor="nobody")

    finding = books.audit_log()

    assert finding.colour == "red"
    assert "entry 1: forged" in finding.saw


@pytest.mark.parametrize(
    ("age", "colour"),
    [(dt.timedelta(hours=25), "green"), (dt.timedelta(hours=27), "amber"), (dt.timedelta(days=7, hours=1), "red")],
)
def test_a_backup_is_as_good_as_its_last_proof(settings: Settings, age: dt.timedelta, colour: str) -> None:
    assert books.backups().colour == "red"
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    assert books.backups().colour == "amber"
    settings.SANDBOX_URL = ""
    append(PROVEN)

    with time_machine.travel(clock.now() + age, tick=False):
        finding = books.backups()

    assert finding.colour == colour
    assert "vanta-1.dump" in finding.saw


@pytest.fixture
def emptied() -> Iterator[None]:
    yield
    for queue in QUEUE_NAMES:
        list(taken(queue))


def taken(queue_name: str) -> Iterator[tuple[str, list[str]]]:
    """The tasks that wait in a queue, with their arguments, taken from it as a worker takes them."""
    with app.connection_for_read() as broker, broker.channel() as channel:
        queue = next(queue for queue in app.conf.task_queues if queue.name == queue_name)(channel)
        queue.declare()
        while message := queue.get(no_ack=True):
            yield message.headers["task"], message.payload[0]


def work_off(*queue_names: str) -> None:
    for queue_name in queue_names:
        for task, arguments in taken(queue_name):
            assert task == canaries.TASK
            carry_canary(*arguments)


@pytest.mark.usefixtures("emptied")
def test_every_queue_has_to_be_worked_off() -> None:
    assert work.work_is_done(pause=lambda: work_off(*QUEUE_NAMES)).colour == "green"

    finding = work.work_is_done(pause=lambda: work_off("orders", "feeds"), within_s=0.1)

    assert finding.colour == "red"
    assert "No worker took from updates, signing, messages, maintenance within 0.1 s." in finding.saw


def test_a_canary_that_was_sung_for_another_look_is_not_heard() -> None:
    canaries.sing("before", "orders")

    assert canaries.silent("now", ["orders"]) == ["orders"]
    assert canaries.silent("before", ["orders", "feeds"]) == ["feeds"]


def test_without_a_broker_no_canary_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis://127.0.0.1:{free_port()}/0")

    assert work.work_is_done(within_s=0).colour == "red"


def test_prices_are_as_good_as_the_feeds_say(eth: Market) -> None:
    assert work.prices().colour == "amber"  # no source was ever polled

    redis.client().flushdb()

    assert work.prices().colour == "red"
