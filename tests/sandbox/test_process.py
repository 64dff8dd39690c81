"""The process: loopback only, never in production, and it ends when it is told to."""

import subprocess
import sys

import pytest

from tests.sandbox.conftest import Sandbox, free_port, sandbox_environment
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


def test_it_ends_soon_after_a_signal_even_while_a_page_listens() -> None:
    port = free_port()
    command = [sys.executable, "-m", "vanta.sandbox", "--port", str(port)]
    running = subprocess.Popen(command, env=sandbox_environment(), stderr=subprocess.DEVNULL)
    sandbox = Sandbox(f"http://127.0.0.1:{port}", running.pid)
    try:
        wait_until(sandbox.is_up, 20, "the sandbox answers")
        with sandbox.control.stream("GET", "/chat/events"):
            running.terminate()
            running.wait(6)
    finally:
        running.kill()
        running.wait()
        sandbox.control.close()
