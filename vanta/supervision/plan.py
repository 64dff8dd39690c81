"""What a run consists of: its environment, its processes, the ports it takes."""

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vanta.devservices import DevServices, write_environment
from vanta.embedded.host import ServiceFailed, free_port, make_private
from vanta.supervision.child import Program
from vanta.supervision.environment import (
    chosen_by_person,
    kept_secrets,
    of_process,
    read_dotenv,
    sandbox_urls,
    shared,
    web_addresses,
)
from vanta.supervision.leftovers import MARKER
from vanta.supervision.procfile import read_procfile, split_assignments

PORTS = {"PORT": 8080, "SANDBOX_PORT": 8090, "FLOWER_PORT": 5555}
# These need no database, so they start while it is prepared.
INDEPENDENT = ("sandbox", "flower")
# Orders are taken and carried out without these.
EXPENDABLE = ("sandbox", "flower")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of Vanta from a checkout. `chosen` is what a person set, and wins over everything."""

    checkout: Path
    state_dir: Path
    chosen: Mapping[str, str]

    @classmethod
    def of(cls, checkout: Path, state_dir: Path) -> "Plan":
        """Read the environment and `.env`."""
        dotenv, example = read_dotenv(checkout / ".env"), read_dotenv(checkout / "env.example")
        return cls(checkout, state_dir, chosen_by_person(os.environ, dotenv, example))

    @property
    def production(self) -> bool:
        return self.chosen.get("ENVIRONMENT") == "production"

    def services(self) -> DevServices:
        """The embedded servers for which no person named another one; none in production."""
        has_redis = "REDIS_URL" in self.chosen and "CELERY_BROKER_URL" in self.chosen
        return DevServices(
            self.state_dir,
            postgres=not self.production and "DATABASE_URL" not in self.chosen,
            redis=not self.production and not has_redis,
        )

    def environment(self, services: DevServices, *, on_terminal: bool = False) -> dict[str, str]:
        """The environment of all processes together (`program` gives each its own).

        Outside production it is also written to run.env for other terminals, without what only the signing one has.
        """
        own = {MARKER: str(self.state_dir), "PYTHONUNBUFFERED": "1"}
        if self.production:
            return {**os.environ, **self.chosen, **own, "PORT": self.chosen.get("PORT", str(PORTS["PORT"]))}
        ports = {name: self._port(name) for name in PORTS}
        filled = {
            **sandbox_urls(f"http://127.0.0.1:{ports['SANDBOX_PORT']}"),
            **web_addresses(ports["PORT"], ports["FLOWER_PORT"]),
            **kept_secrets(self.state_dir / "secrets.env"),
            **services.environment(),
            "PROMETHEUS_MULTIPROC_DIR": str(self._empty_directory("metrics")),
            "VANTA_STATE_DIR": str(self.state_dir),
            "LOG_JSON": "false" if on_terminal else "true",
        }
        filled = {name: value for name, value in filled.items() if name not in self.chosen}
        write_environment(self.state_dir / "run.env", shared(filled))
        return {**os.environ, **filled, **self.chosen, **own}

    def programs(self, environment: Mapping[str, str]) -> list[Program]:
        """The Procfile's processes but `release`, and outside production the sandbox."""
        commands = read_procfile((self.checkout / "Procfile").read_text(), environment)
        commands.pop("release", None)
        if not self.production:
            port = environment["SANDBOX_URL"].rpartition(":")[2]
            if port.isdigit():
                chats = str(self.state_dir / "sandbox.json")
                commands = {"sandbox": ["python", "-m", "vanta.sandbox", "--port", port, "--state", chats]} | commands
        return [self.program(name, argv, environment) for name, argv in commands.items()]

    def program(self, name: str, argv: list[str], environment: Mapping[str, str]) -> Program:
        """A program that runs in the checkout, with what is for it in the environment."""
        assigned, argv = split_assignments(argv)
        # Flower has nothing to finish, and its own way to stop waits half a minute for workers that have gone.
        stop_signal = signal.SIGKILL if name == "flower" else signal.SIGTERM
        return Program(
            name, argv, of_process(environment, assigned), self.checkout, stop_signal, expendable=name in EXPENDABLE
        )

    def _port(self, name: str) -> int:
        if name not in self.chosen:
            return free_port(PORTS[name])
        port = int(self.chosen[name])
        if free_port(port) != port:
            raise ServiceFailed(f"{name}={port} is taken by another program: stop that, or choose another {name}.")
        return port

    def _empty_directory(self, name: str) -> Path:
        """Metrics of processes that are gone must not be added to those of this run."""
        shutil.rmtree(self.state_dir / name, ignore_errors=True)
        return make_private(self.state_dir / name)
