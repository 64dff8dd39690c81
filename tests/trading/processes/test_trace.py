"""One trace id leads from the webhook's answer through every log to the order, its messages and /why."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.trading.processes.outside import confirmation, new_trader
from tests.trading.processes.system import System
from tests.waiting import wait_until
from trading.models import Intent, OrderEvent, OutboxMessage, TelegramUpdate, Trader
from vanta.tracing import TRACE_HEADER


def logged(vanta: System, process: str, trace_id: str) -> list[str]:
    """The events that a process has logged under a trace id."""
    lines = [line for line in vanta.stack.log(process).splitlines() if line.startswith("{") and trace_id in line]
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [event["event"] for event in events if event.get("trace_id") == trace_id]


@pytest.mark.processes
def test_the_webhooks_trace_id_is_in_every_log_the_order_its_messages_and_why(vanta: System) -> None:
    trader = new_trader()
    order = vanta.draft(trader)
    tap = confirmation(order)
    trace_id = vanta.post(tap).raise_for_status().headers[TRACE_HEADER]
    vanta.wait_filled(order)
    vanta.wait_quiet()
    order.refresh_from_db()

    assert order.trace_id == trace_id
    assert TelegramUpdate.objects.get(update_id=tap["update_id"]).trace_id == trace_id
    assert set(OrderEvent.objects.filter(order=order, sequence__gt=1).values_list("trace_id", flat=True)) == {trace_id}
    assert set(OutboxMessage.objects.filter(order=order).values_list("trace_id", flat=True)) == {trace_id}
    assert "request" in logged(vanta, "web", trace_id)
    assert {"order_approved", "update_handled", "order_filled"} <= set(logged(vanta, "worker-trading", trace_id))
    assert "message_sent" in logged(vanta, "worker-messages", trace_id)

    vanta.says(trader, f"/why {order.pk}")
    answer = wait_until(lambda: told(vanta, trader, trace_id), 10, "/why answers with the trace id")
    nonce = Intent.objects.get(order=order).nonce
    page = StringIO()
    call_command("why", order.pk, stdout=page)
    for text in (answer, page.getvalue()):
        assert trace_id in text
        assert nonce in text
        assert "FILLED" in text


def told(vanta: System, trader: Trader, words: str) -> str:
    """The first message in the trader's chat with these words."""
    return next((text for text in vanta.messages(trader) if words in text), "")
