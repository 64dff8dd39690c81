"""The process: loopback only, never in production, and it ends when it is told to."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import TOKEN, Sandbox, started
from tests.sandbox.receiver import WebhookReceiver
from tests.waiting import wait_until
from vanta.sandbox.__main__ import main


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "::"])
def test_it_refuses_a_host_that_others_can_reach(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    assert "not a loopback address" in capsys.readouterr().err


def test_it_refuses_production(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert main([]) == 2
    assert "production" in capsys.readouterr().err


def send(sandbox: Sandbox, **message: object) -> dict[str, Any]:
    told = sandbox.control.post(f"/telegram/bot{TOKEN}/sendMessage", json={"chat_id": 1001, **message})
    result: dict[str, Any] = told.raise_for_status().json()["result"]
    return result


def test_it_ends_soon_after_a_signal_even_while_a_page_listens() -> None:
    with started() as sandbox, sandbox.control.stream("GET", "/chat/events"):
        os.kill(sandbox.pid, signal.SIGTERM)
        wait_until(lambda: not sandbox.is_up(), 6, "the sandbox is gone")


def test_chats_outlive_a_restart_and_ids_go_on_growing(tmp_path: Path) -> None:
    state = str(tmp_path / "sandbox.json")
    with started("--state", state) as first:
        asked = first.post("/control/messages", user_id=1001, text="kept, and not delivered yet").json()
        card = send(first, text="a card", reply_markup={"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]})
    with started("--state", state) as second, WebhookReceiver() as receiver:
        assert [message["text"] for message in second.messages(1001)] == ["kept, and not delivered yet", "a card"]
        edited = {"chat_id": 1001, "message_id": card["message_id"], "text": "edited after the restart"}
        second.control.post(f"/telegram/bot{TOKEN}/editMessageText", json=edited).raise_for_status()
        second.control.post(f"/telegram/bot{TOKEN}/setWebhook", json={"url": receiver.url}).raise_for_status()
        waited = receiver.wait_for_text("kept, and not delivered yet")
        assert waited["message"]["message_id"] == asked["id"]
        assert send(second, text="newer")["message_id"] > card["message_id"]
        second.post("/control/messages", user_id=1001, text="next")
        assert receiver.wait_for_text("next")["update_id"] > waited["update_id"]


def test_a_state_file_that_cannot_be_read_is_left_behind(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.json"
    state.write_text('{"chats": [{}]}')
    with started("--state", str(state)) as sandbox:
        assert sandbox.messages(1001) == []
