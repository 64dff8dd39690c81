"""`manage.py up` itself, with all its real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.waiting import wait_until
from vanta.devservices import DevServices
from vanta.supervision.environment import read_dotenv
from vanta.supervision.leftovers import end_leftovers

pytestmark = [pytest.mark.crash, pytest.mark.processes, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).resolve().parents[2]
UP = [sys.executable, "manage.py", "up"]
# What the test run set for itself; `up` is to find an empty machine.
OF_THE_TESTS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "AUDIT_HMAC_KEY", "TELEGRAM_BOT_TOKEN",
                "TELEGRAM_WEBHOOK_SECRET", "ENVIRONMENT", "PYTEST_XDIST_WORKER")  # fmt: skip


def _command(process: psutil.Process) -> str:
    """Its command line; empty of one that has ended since it was listed."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


class Up:
    """`manage.py up` on a state directory of its own."""

    def __init__(self) -> None:
        self.scratch = DevServices.temporary()
        inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
        self.environment = {**inherited, "VANTA_STATE_DIR": str(self.scratch.state_dir)}
        self.environment["SUPER_ADMIN_IDS"] = "1001"  # whom the seed has made a chat for
        self.log_path = self.scratch.state_dir / "up.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                UP, cwd=CHECKOUT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_ready(self) -> None:
        wait_until(lambda: self.process.poll() is not None or "Vanta is ready: http" in self.log, 150, "Vanta is ready")
        assert self.process.poll() is None, self.log[-3000:]

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, word: str) -> psutil.Process:
        found = [child for child in psutil.Process(self.process.pid).children() if word in _command(child)]
        assert len(found) == 1
        return found[0]

    def remove(self) -> None:
        self.process.kill()
        self.process.wait()
        end_leftovers(self.scratch.state_dir, within_s=1)
        with self.scratch:
            pass  # starting ends what a killed run left
        self.scratch.remove()


@pytest.fixture
def up() -> Iterator[Up]:
    up = Up()
    yield up
    up.remove()


def environment_of(process: psutil.Process) -> bytes:
    """What the process was started with, as the kernel keeps it."""
    return Path(f"/proc/{process.pid}/environ").read_bytes()


def ended(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_up_serves_keeps_its_keys_heals_and_refuses_a_second_one_and_nothing_outlives_it(up: Up) -> None:
    up.wait_ready()
    written = read_dotenv(up.scratch.state_dir / "run.env")
    readyz = written["PUBLIC_BASE_URL"] + "/readyz"
    wait_until(lambda: httpx.get(readyz).is_success, 20, "/readyz is 200")
    assert httpx.get(written["SANDBOX_URL"] + "/").is_success
    if sys.platform == "linux":  # environments are read from /proc
        assert_only_the_signing_worker_is_given_the_keys_that_encrypt_keys(up)
    wait_until(
        lambda: httpx.get(readyz).json()["checks"]["signing"]["status"] == "ok",
        30,
        "the signing canary was carried out",
    )

    assert_preflight_is_green_but_for_what_only_production_has(up)

    second = subprocess.run(UP, cwd=CHECKOUT, env=up.environment, capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert f"held by process {up.process.pid}" in second.stderr

    up.child("messages@").kill()
    up.child("redis-server").kill()
    wait_until(lambda: "Redis runs again" in up.log, 30, "Redis was started again")
    wait_until(lambda: up.log.count("messages@") >= 2, 60, "the worker was started again")

    if sys.platform == "linux":  # the kernel's parent-death signal is Linux's
        family = up.family()
        up.process.kill()
        up.process.wait()
        wait_until(lambda: ended(family), 15, "all processes have ended")
        with up.scratch as services:
            assert services.postgres.alive()


def assert_preflight_is_green_but_for_what_only_production_has(up: Up) -> None:
    """All checks against all real processes; what is not green is not a matter of seconds."""
    command = [sys.executable, "manage.py", "preflight", "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, env=up.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    colours = {check["name"]: check["colour"] for check in json.loads(done.stdout)["checks"]}
    still_settling = {"multi-source-prices", "health-endpoints", "invariants", "audit-log"}
    assert {name for name, colour in colours.items() if colour != "green"} - still_settling == {
        *("settings", "admin-permissions", "limits", "backups")
    }


def assert_only_the_signing_worker_is_given_the_keys_that_encrypt_keys(up: Up) -> None:
    made = read_dotenv(up.scratch.state_dir / "secrets.env")["KEY_ENCRYPTION_KEYS"]
    holders = [process for process in up.family() if made.encode() in environment_of(process)]
    assert len(up.family()) > 15
    assert {process.cmdline()[process.cmdline().index("-n") + 1] for process in holders} == {"signing@%h"}
    assert len(holders) == 1  # it forks nothing
    signing = [process for process in up.family() if b"VANTA_ROLE=signing" in environment_of(process)]
    assert signing == holders
    assert made not in up.log
