"""The supervisor restarts what dies, gives up loudly, passes signals on, and leaves no orphan."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until
from vanta.embedded.host import ServiceFailed
from vanta.supervision.backoff import RestartPolicy
from vanta.supervision.child import Program
from vanta.supervision.console import Console
from vanta.supervision.leftovers import MARKER, end_leftovers
from vanta.supervisor import Supervisor

pytestmark = pytest.mark.crash

CHECKOUT = Path(__file__).resolve().parents[2]
# Supervises the scripts of a directory: one process for each *.py in it.
RUNNER = f"""
import os, sys
from pathlib import Path
from vanta.supervision.backoff import RestartPolicy
from vanta.supervision.child import Program
from vanta.supervision.console import Console
from vanta.supervisor import Supervisor
here = Path(sys.argv[1])
environment = {{**os.environ, "{MARKER}": str(here)}}
programs = [
    Program(path.stem, ["python", "-u", str(path)], environment, here, expendable=path.stem == "bad")
    for path in sorted(here.glob("*.py"))
]
policy = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.2, give_up_after=4, healthy_after_s=60)
Supervisor(programs=programs, console=Console(sys.stdout, width=4), state_dir=here, policy=policy,
           stop_within_s=float(sys.argv[2])).run()
"""
WAITS = "import signal\nprint('up', flush=True)\nsignal.pause()\n"
FINISHES_ITS_TASK = """
import signal, sys
def finish(*_):
    print("task finished", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
print("up", flush=True)
while True:
    signal.pause()
"""
IGNORES_SIGTERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
# Like a Celery main process with its pool: the grandchild knows nothing of signals to its parent.
HAS_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("grandchild", child.pid, flush=True)
child.wait()
"""
CRASHES = "raise SystemExit(3)\n"


class Run:
    """A supervisor in a process of its own; its output is in `log`."""

    def __init__(self, directory: Path, *, stop_within_s: float = 10, **scripts: str) -> None:
        self.directory = directory
        for name, text in scripts.items():
            (directory / f"{name}.py").write_text(text)
        with (directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUNNER, str(directory), str(stop_within_s)],
                cwd=CHECKOUT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def says(self, text: str, times: int = 1) -> None:
        wait_until(lambda: self.log.count(text) >= times, 20, f"{text!r} {times} times in the log")

    def status(self, name: str) -> dict[str, object]:
        with suppress(FileNotFoundError):  # not written yet
            unit: dict[str, object] = json.loads((self.directory / "supervisor.json").read_text())["units"][name]
            return unit
        return {}

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait()
        end_leftovers(run.directory)


def started(runs: list[Run], directory: Path, stop_within_s: float = 10, **scripts: str) -> Run:
    runs.append(Run(directory, stop_within_s=stop_within_s, **scripts))
    return runs[-1]


def ended(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_supervised_restart_of_a_killed_process_that_the_others_do_not_notice(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, web=WAITS, work=WAITS)
    run.says("up", times=2)
    (web,) = (process for process in run.family() if "web.py" in process.cmdline()[-1])

    web.kill()

    run.says("web  | up", times=2)
    assert "web was killed by SIGKILL; starting it again in 0.0 s" in run.log or "in 0.1 s" in run.log
    assert run.log.count("work | up") == 1
    wait_until(lambda: run.status("web").get("restarts") == 1, 5, "the status file counts the restart")


def test_an_expendable_process_that_keeps_crashing_is_given_up_and_the_rest_runs_on(
    runs: list[Run], tmp_path: Path
) -> None:
    run = started(runs, tmp_path, bad=CRASHES, work=WAITS)

    run.says("bad ended with exit code 3. GIVEN UP after 4 failures in a row")

    wait_until(lambda: run.status("bad").get("state") == "gave_up", 5, "the status file says so")
    assert run.status("bad")["restarts"] == 3
    assert run.status("work")["state"] == "running"


def test_a_process_that_is_needed_is_never_given_up_but_its_failing_is_shouted(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, beat=CRASHES)

    run.says("beat ended with exit code 3. FAILING: 4 times in a row")

    wait_until(lambda: run.status("beat").get("state") == "failing", 5, "the status file says so")
    run.says("FAILING: 7 times in a row")
    (tmp_path / "beat.py").write_text(WAITS)  # what it needs is back
    run.says("beat | up")
    assert "GIVEN UP" not in run.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_graceful_shutdown_lets_running_tasks_finish_and_leaves_nothing(
    runs: list[Run], tmp_path: Path, number: signal.Signals
) -> None:
    run = started(runs, tmp_path, work=FINISHES_ITS_TASK)
    run.says("up")
    family = run.family()

    assert run.end(number) == 0

    assert "work | task finished" in run.log
    assert ended(family)
    assert run.status("work")["state"] == "stopped"


def test_a_process_that_does_not_stop_in_time_is_killed(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, stop_within_s=0.5, deaf=IGNORES_SIGTERM)
    run.says("up")
    family = run.family()

    assert run.end() == 0

    assert "deaf does not stop: killed" in run.log
    assert ended(family)


def test_a_second_stop_signal_does_not_wait(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, stop_within_s=3600, deaf=IGNORES_SIGTERM)
    run.says("up")
    run.process.terminate()
    run.says("stopping 1 processes")

    assert run.end() == 0

    assert "deaf does not stop: killed" in run.log


def test_the_pool_of_a_dead_main_process_is_ended_before_the_restart(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, pool=HAS_A_CHILD)
    run.says("grandchild")
    main, grandchild = run.family()

    main.kill()

    run.says("grandchild", times=2)
    assert ended([grandchild])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_no_orphan_is_left_when_the_supervisor_itself_is_killed(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, web=WAITS, deaf=IGNORES_SIGTERM)
    run.says("up", times=2)
    family = run.family()

    run.process.kill()

    wait_until(lambda: ended(family), 10, "the children have ended")


def test_the_next_run_ends_what_outlived_a_killed_supervisor(runs: list[Run], tmp_path: Path) -> None:
    run = started(runs, tmp_path, pool=HAS_A_CHILD)
    run.says("grandchild")
    main, grandchild = run.family()
    run.process.kill()
    main.kill()
    assert not ended([grandchild])

    end_leftovers(tmp_path)

    assert ended([grandchild])


def test_processes_of_another_state_directory_are_left_alone(tmp_path: Path) -> None:
    environment = {**os.environ, MARKER: str(tmp_path / "another")}
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as stranger:
        assert end_leftovers(tmp_path) == []
        assert stranger.poll() is None
        stranger.kill()


def test_output_is_shown_in_whole_lines_under_the_name_of_its_process(runs: list[Run], tmp_path: Path) -> None:
    halves = "import sys\nsys.stdout.write('one li'); sys.stdout.flush()\nsys.stdout.write('ne\\nno end')\n"
    run = started(runs, tmp_path, bad=halves)

    run.says("bad  | no end")

    assert "bad  | one line\n" in run.log
    assert "\x1b" not in run.log


def test_a_program_that_is_not_there_is_reported_and_tried_again(tmp_path: Path) -> None:
    screen = io.StringIO()
    missing = Program("gone", ["no-such-program"], {}, tmp_path)
    supervisor = Supervisor(programs=[missing], console=Console(screen, width=4), state_dir=tmp_path)

    supervisor.tick()

    assert "No such file or directory" in screen.getvalue()
    assert supervisor.watches["gone"].state == "restarting"


class StoppedServer:
    """An embedded server that was killed; it starts at the second attempt."""

    name = "Redis"

    def __init__(self) -> None:
        self.attempts = 0

    def alive(self) -> bool:
        return self.attempts >= 2

    def start(self) -> None:
        self.attempts += 1
        if self.attempts < 2:
            raise ServiceFailed("its port is still taken")


def test_an_embedded_server_that_died_is_started_again_until_it_runs(tmp_path: Path) -> None:
    server, screen = StoppedServer(), io.StringIO()
    policy = RestartPolicy(first_delay_s=0, give_up_after=1, healthy_after_s=0)
    supervisor = Supervisor(
        programs=[], servers=[server], console=Console(screen, width=4), state_dir=tmp_path, policy=policy
    )

    for _ in range(3):
        supervisor.tick()

    assert server.alive()
    assert "Redis its port is still taken" in screen.getvalue()
    assert "Redis runs again" in screen.getvalue()
    assert "Redis has recovered" in screen.getvalue()
