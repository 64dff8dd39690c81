"""PostgreSQL down: the webhook says so, so that Telegram sends again; nothing dies of it and nothing happens twice."""

import pytest
from django.db import connection

from tests.trading.processes.outside import assert_books_balance, confirmation, new_trader
from tests.trading.processes.system import PROCESSES, System
from tests.waiting import wait_until
from trading.models import Fill, TelegramUpdate


@pytest.mark.processes
@pytest.mark.crash
def test_an_update_refused_while_postgresql_was_down_has_its_effect_once_when_it_comes_again(vanta: System) -> None:
    vanta.control("POST", "/freeze", {"frozen": True})
    order, later = vanta.draft(new_trader()), vanta.draft(new_trader())
    tap = confirmation(order)
    pids = {name: vanta.stack.pid(name) for name in PROCESSES}

    vanta.services.postgres.kill()
    connection.close()
    assert vanta.post(tap).status_code == 503
    vanta.delivers(confirmation(later), later.trader.chat_id)
    vanta.services.postgres.restart()

    wait_until(lambda: vanta.post(tap).text == "stored", 10, "the webhook stores again")
    assert vanta.post(tap).text == "repeated"
    vanta.wait_filled(order, later)
    vanta.wait_quiet()
    assert Fill.objects.filter(order=order).count() == 1
    assert TelegramUpdate.objects.filter(update_id=tap["update_id"], status="done").count() == 1
    assert {name: vanta.stack.pid(name) for name in PROCESSES} == pids, "something died of it"
    assert_books_balance()
