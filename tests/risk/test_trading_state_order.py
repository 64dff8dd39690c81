"""Changes made at the same time take effect in the order of their commits: none hides behind a later number."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

from risk import trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from tests.waiting import wait_until
from vanta import audit

WAITING_FOR_LOCK = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.django_db(transaction=True)
def test_the_change_that_commits_last_holds() -> None:
    first_is_in, may_commit = Event(), Event()

    def resume_slowly() -> None:
        try:
            with transaction.atomic():
                trading_state.change(TradingState.ACTIVE, actor="slow", reason="resume")
                first_is_in.set()
                assert may_commit.wait(10)
        finally:
            connection.close()

    def halt() -> None:
        try:
            trading_state.change(TradingState.HALTED, actor="fast", reason="stop")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(resume_slowly)
        assert first_is_in.wait(10)
        fast = pool.submit(halt)
        wait_until(a_change_waits, 10, "the halt waits for the resume")
        may_commit.set()
        slow.result(10)
        fast.result(10)
    assert trading_state.current() is TradingState.HALTED
    assert list(TradingStateChange.objects.order_by("id").values_list("actor", flat=True)) == ["slow", "fast"]
    assert audit.verify().count == 2


def a_change_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING_FOR_LOCK)
        return bool(cursor.fetchone()[0])
