"""Telegram down: trading goes on, messages wait, and arrive in order and once when it is back."""

import pytest

from tests.trading.processes.outside import confirmation, new_trader, text_update
from tests.trading.processes.system import System
from tests.waiting import wait_until
from trading.models import OutboxMessage

FAULTS = [{"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "rate_limit", "retry_after": 1}]


@pytest.mark.processes
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["kind"]))
def test_orders_fill_while_telegram_is_down_and_the_messages_follow(vanta: System, fault: dict[str, object]) -> None:
    trader = new_trader()
    order = vanta.draft(trader)
    before = len(vanta.messages(trader))
    vanta.control("POST", "/faults", {"service": "telegram", **fault})

    vanta.post(confirmation(order)).raise_for_status()
    vanta.wait_filled(order)
    for command in ("/balance", "/orders", "/help"):
        vanta.post(text_update(trader, command)).raise_for_status()
    owed = OutboxMessage.objects.filter(chat_id=trader.chat_id)
    wait_until(lambda: owed.filter(status="pending", attempts__gt=0).exists(), 10, "sending was tried in vain")
    wait_until(lambda: owed.exclude(method="answerCallbackQuery").count() == 4, 10, "all answers are owed")
    assert len(vanta.messages(trader)) == before

    vanta.control("DELETE", "/faults")
    vanta.wait_quiet()
    shown = vanta.messages(trader)
    assert [shown.index(text) for text in shown] == [0, 1, 2, 3], "some message came twice"
    for text, words in zip(shown, ("Filled", "Balance", "Your last orders", "Open"), strict=True):
        assert words in text
