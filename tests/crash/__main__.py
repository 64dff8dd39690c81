"""Start scratch services and lanes, deal the cells out, print the matrix; exits 1 where a cell is not as it must be."""

import argparse
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from tests.crash import drills, places, report
from tests.trading.bot_api import running_bot_api
from vanta.devservices import DevServices
from vanta.supervision.environment import generated_secrets, sandbox_urls


def key_text(key_id: str) -> str:
    """A key-encryption key of this run."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


CHECKOUT = Path(__file__).resolve().parents[2]
SAID_EVERY = 100  # cells
Cell = dict[str, Any]


class Lane:
    """A process that plays cells, one after the other."""

    def __init__(self, number: int, process: "subprocess.Popen[str]", services: DevServices) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.number, self._process, self._services = number, process, services
        self._to: IO[str] = process.stdin
        self._from: IO[str] = process.stdout
        self._played = 0

    def names(self) -> list[str]:
        """The scenarios, once it is ready; asked once."""
        told: list[str] = json.loads(self._read())
        return told

    def play(self, cell: Cell) -> Cell:
        """What became of the cell. Raises RuntimeError where the lane itself broke."""
        self._played += 1
        began = time.monotonic()
        self._write({**cell, "number": self._played})
        while (told := json.loads(self._read())) == drills.RESTART_POSTGRES:
            self._services.postgres.restart()
            self._write(told)
        answer: Cell = {**told, "seconds": round(time.monotonic() - began, 2)}
        return answer

    def _write(self, told: Cell) -> None:
        self._to.write(json.dumps(told) + "\n")
        self._to.flush()

    def _read(self) -> str:
        line = self._from.readline()
        if not line:
            raise RuntimeError(f"lane {self.number} ended; its log says why")
        return line


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that everything is ended
    began = time.monotonic()
    with ExitStack() as stack:
        lanes = [stack.enter_context(_lane(number, Path(asked.logs))) for number in range(asked.lanes)]
        known = [lane.names() for lane in lanes]
        names = asked.scenarios or known[0]
        recorded = _play_all(lanes, [{"scenario": name} for name in names])
        kills = [cell for told in recorded for cell in places.cells(told)]
        cells = [cell for group in (kills, *drills.by_drill(recorded)) for cell in group[asked.offset :: asked.share]]
        played = _play_all(lanes, cells)
    matrix = report.matrix(recorded, played, seconds=time.monotonic() - began)
    Path(asked.out).parent.mkdir(parents=True, exist_ok=True)
    Path(asked.out).write_text(json.dumps(matrix, indent=1))
    sys.stdout.write(report.text(matrix))
    return 1 if matrix["wrong"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--scenarios", nargs="*", help="by name; all without, LIVE ones too")
    parser.add_argument("--share", type=int, default=1, help="play every n-th cell only")
    parser.add_argument("--offset", type=int, default=0, help="which of them: begin with this one")
    parser.add_argument("--lanes", type=int, default=1 + (os.cpu_count() or 1), help="half of a cell is waiting")
    parser.add_argument("--out", default=str(CHECKOUT / ".bench" / "crash-matrix.json"))
    parser.add_argument("--logs", default=str(CHECKOUT / ".bench"))
    return parser.parse_args()


def _play_all(lanes: Sequence[Lane], cells: Sequence[Cell]) -> list[Cell]:
    """What became of all cells, in their order; each is played by the lane that is free."""
    free, order = list(lanes), places.playing_order(cells)

    def play(cell: Cell) -> Cell:
        lane = free.pop()
        try:
            return lane.play(cell)
        finally:
            free.append(lane)

    with ThreadPoolExecutor(len(lanes)) as threads:
        played: dict[int, Cell] = {}
        for number, cell in zip(order, threads.map(play, [cells[number] for number in order]), strict=True):
            played[number] = cell
            if len(played) % SAID_EVERY == 0:
                _say(played.values(), len(cells))
    return [played[number] for number in range(len(cells))]


def _say(played: Collection[Cell], of: int) -> None:
    """How far it is, to whoever looks on."""
    wrong = sum(bool(cell["wrong"]) for cell in played)
    sys.stderr.write(f"{len(played)} of {of} cells, {wrong} wrong\n")


@contextmanager
def _services() -> Iterator[DevServices]:
    services = DevServices.temporary().start()
    try:
        yield services
    finally:
        services.remove()


@contextmanager
def _lane(number: int, logs: Path) -> Iterator[Lane]:
    """A lane with everything of its own."""
    with _services() as services:
        environment = {**generated_secrets(), **os.environ, **services.environment()}
        environment |= {
            "ENVIRONMENT": "test",
            "VANTA_STATE_DIR": str(services.state_dir),
            "CANARY_MAX_NOTIONAL_USD": "5000",
            "PRICE_MAX_AGE_S": "60",  # on a machine that is busy a cell may take long
        }
        with _process(number, environment, logs) as process:
            yield Lane(number, process, services)


@contextmanager
def _process(number: int, environment: dict[str, str], logs: Path) -> Iterator["subprocess.Popen[str]"]:
    keys = {"VANTA_ROLE": "signing", "KEY_ENCRYPTION_KEYS": key_text("matrix")}
    logs.mkdir(parents=True, exist_ok=True)
    with running_bot_api() as sandbox, (logs / f"crash-lane{number}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.crash.lane"],
            cwd=CHECKOUT,
            env={**environment, **keys, **sandbox_urls(sandbox.url)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
