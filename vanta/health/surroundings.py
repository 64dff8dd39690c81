"""Checks of what surrounds Vanta: Telegram, the venue, the chain, the machine, the supervisor. None is critical."""

import json
import os
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
from django.conf import settings
from django.db import Error
from health_check.contrib import psutil as machine
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from redis.exceptions import RedisError

from trading.models import VenueIdentity
from vanta import blockchain
from vanta.health.dependencies import Check

CONNECT_S = 1.0
BASE = 8453  # where the venue is, until it was asked
DISK_MAX_PERCENT = 90
MEMORY_MAX_PERCENT = 92
SUPERVISOR_FILE = "supervisor.json"
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass
class Reachable(Check):
    """Something listens at the address in this setting. A TCP connection only: no log-in, no quota used."""

    setting: str

    def run(self) -> str:
        address = urlsplit(getattr(settings, self.setting))
        if not address.hostname:
            raise ServiceWarning(f"{self.setting} is not set")
        place = (address.hostname, address.port or DEFAULT_PORTS.get(address.scheme, 443))
        try:
            with socket.create_connection(place, timeout=CONNECT_S):
                return f"{place[0]}:{place[1]} accepts connections"
        except OSError as error:
            raise ServiceUnavailable(f"{place[0]}:{place[1]}: {error}") from error


@dataclass
class Blockchain(Check):
    """The newest block that a worker saw (`vanta.tasks.observe_chain`) is young, and on the venue's chain.

    Nothing is asked here: a node that hangs holds up the worker, by its own timeout, and no probe.
    """

    def run(self) -> str:
        try:
            head = blockchain.last_head()
        except RedisError as error:
            raise ServiceUnavailable(str(error)) from error
        if head is None:
            raise ServiceUnavailable("never answered")
        chain_id = _venues_chain()
        if head.chain_id != chain_id:
            raise ServiceUnavailable(f"the node is on chain {head.chain_id}, the venue on {chain_id}")
        if head.age_s > settings.BLOCK_MAX_AGE_S:
            raise ServiceUnavailable(f"block {head.number} is {head.age_s:.0f} s old")
        return f"block {head.number}, {max(head.age_s, 0):.0f} s old"


def _venues_chain() -> int:
    """As it is pinned."""
    try:
        pinned = VenueIdentity.objects.filter(address=settings.VERANTA_TX_BUILDER_URL).first()
    except Error as error:
        raise ServiceUnavailable("which chain the venue is on is not known: no database") from error
    return pinned.chain_id if pinned else BASE


@dataclass
class Disk(Check):
    """The file system of the working directory has room."""

    def run(self) -> str:
        machine.Disk(path=settings.BASE_DIR, max_disk_usage_percent=DISK_MAX_PERCENT).run()
        return f"{psutil.disk_usage(str(settings.BASE_DIR)).percent:.0f} % used"


@dataclass
class Memory(Check):
    """The machine has memory left."""

    def run(self) -> str:
        machine.Memory(max_memory_usage_percent=MEMORY_MAX_PERCENT).run()
        return f"{psutil.virtual_memory().percent:.0f} % used"


@dataclass
class Supervisor(Check):
    """`manage.py up` keeps every process running. Where something else supervises, there is nothing to say."""

    def run(self) -> str:
        units = supervised()
        if units is None:
            return "not supervised by Vanta"
        ailing = [f"{name} {unit['state']}" for name, unit in units.items() if unit["state"] != "running"]
        if ailing:
            raise ServiceUnavailable(", ".join(ailing))
        restarts = {name: unit["restarts"] for name, unit in units.items() if unit["restarts"]}
        detail = ", ".join(f"{name} restarted {times} times" for name, times in restarts.items())
        return f"{len(units)} run" + (f"; {detail}" if detail else "")


def supervised() -> dict[str, dict[str, Any]] | None:
    """What `manage.py up` says of each process and server it runs; None where it did not start this one."""
    try:
        status: dict[str, Any] = json.loads((settings.STATE_DIR / SUPERVISOR_FILE).read_text())
    except FileNotFoundError:
        return None
    units: dict[str, dict[str, Any]] = status["units"]
    return units if status["pid"] in _ancestors() else None


def _ancestors() -> set[int]:
    return {process.pid for process in psutil.Process(os.getpid()).parents()}
