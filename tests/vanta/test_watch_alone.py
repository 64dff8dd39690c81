"""A dispatcher alone, without a broker or a worker, gets word to the super admins' chats."""

from pathlib import Path

import httpx
import pytest

from risk.trading_state import TradingState
from tests.stack import Stack
from tests.waiting import wait_until
from trading.services import stopping
from vanta.embedded.host import free_port

CHIEF = 4243


@pytest.mark.rare  # that the watch does both itself is shown without processes, within a second
@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_alone_tells_of_a_halt_and_of_a_broker_that_is_away(tmp_path: Path) -> None:
    environment = {
        "SUPER_ADMIN_IDS": str(CHIEF),
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
        "HEALTH_CRITICAL": "broker",
    }
    with Stack("sandbox", "dispatcher", log_dir=tmp_path, environment=environment) as stack:

        def chat() -> str:
            answer = httpx.get(f"{stack.sandbox_url}/control/messages", params={"chat_id": CHIEF})
            return "\n".join(message["text"] for message in answer.raise_for_status().json()["messages"])

        stopping.stop(TradingState.HALTED, actor="admin:ada", reason="a drill")
        wait_until(lambda: "admin:ada: a drill" in chat(), 30, "the halt is told")
        wait_until(lambda: "Vanta is not ready" in chat(), 60, "the broker is told of")
        stopping.change_state(TradingState.ACTIVE, actor="admin:ada", reason="over")
        wait_until(lambda: "Trading goes on" in chat(), 30, "the end of the halt is told")
        assert chat().count("Vanta is not ready") == 1
        assert stack.terminate("dispatcher") == 0
