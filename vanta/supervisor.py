"""Runs Vanta's processes and keeps them running; `manage.py up` is its command line.

One thread, one loop: read the children's output, notice what died, restart what is due. A process that dies is started
again after a growing pause (`vanta.supervision.backoff`). One that dies too often in a row raises the alarm: what is
expendable is given up, everything else is tried every few seconds for ever. State is in `supervisor.json` of the state
directory, for `/readyz`, which is degraded by both. asyncio jobs: `vanta.supervision.jobs.supervise`.
"""

import json
import os
import random
import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from vanta.embedded.host import ServiceFailed, write_private
from vanta.supervision.backoff import RestartPolicy
from vanta.supervision.child import Child, Program
from vanta.supervision.console import Console
from vanta.supervision.signals import SignalsWake
from vanta.supervision.watch import Watch

STATUS_FILE = "supervisor.json"
TICK_S = 0.2
STOP_WITHIN_S = 16.0  # of the 20 s in all; the embedded servers need the rest


class Restartable(Protocol):
    """A server that is watched as well: the embedded PostgreSQL and Redis."""

    @property
    def name(self) -> str: ...
    def alive(self) -> bool: ...
    def start(self) -> None: ...


class Supervisor:
    """Keeps `programs` and `servers` running until a stop signal; then ends all in order and leaves none.

    Use it from the main thread: it takes over SIGTERM, SIGINT, SIGHUP and SIGCHLD.
    """

    def __init__(
        self,
        *,
        programs: Sequence[Program],
        console: Console,
        state_dir: Path,
        servers: Sequence[Restartable] = (),
        policy: RestartPolicy | None = None,
        stop_within_s: float = STOP_WITHIN_S,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.console, self.status_path, self.on_tick = console, state_dir / STATUS_FILE, on_tick
        self.stop_within_s = stop_within_s
        self.policy = policy or RestartPolicy()
        self.units: dict[str, Restartable] = {server.name: server for server in servers}
        self.watches = {name: self._watch(expendable=False) for name in self.units}
        for watch in self.watches.values():
            watch.begin(time.monotonic())
        self.children: dict[str, Child] = {}
        self.add(programs)
        self._selector = selectors.DefaultSelector()
        self._stops, self._stop_reason = 0, "an error"
        self._written: str | None = None

    def run(self) -> None:
        """Start everything, and return when a stop signal has ended it."""
        with SignalsWake(self._selector, self.stop):
            try:
                while not self._stops:
                    self.tick()
            finally:
                self._stop_children()
        self._selector.close()

    def tick(self) -> None:
        """One turn: start what is due, forward output, notice deaths."""
        now = time.monotonic()
        for name, watch in self.watches.items():
            if watch.is_due(now):
                self._start(name, watch, now)
        self._forward_output(TICK_S)
        for name, watch in self.watches.items():
            if watch.state == "running" and not self.units[name].alive():
                self._note_death(name, watch)
            elif watch.forgive(now):
                self.note(f"{name} has recovered: it has run for {now - watch.started_at:.0f} s")
        self._write_status()
        self.on_tick()

    def add(self, programs: Sequence[Program]) -> None:
        """Supervise these as well; they start with the next turn."""
        for program in programs:
            self.units[program.name] = self.children[program.name] = Child(program)
            self.watches[program.name] = self._watch(expendable=program.expendable)

    def stop(self, reason: str) -> None:
        """End `run`; the second call does not wait for tasks. Signal handlers call it: it writes nothing."""
        self._stops, self._stop_reason = self._stops + 1, reason

    def running_since(self) -> dict[str, float]:
        """When each process that runs was started, by the monotonic clock."""
        return {name: watch.started_at for name, watch in self.watches.items() if watch.state == "running"}

    def kill(self, name: str, why: str) -> None:
        """SIGKILL a process that is of no use any more; it is started again like any that died."""
        self.note(f"{name} {why}: killed", alarm=True)
        self.children[name].kill_rest()

    def show(self, child: Child) -> None:
        """Forward the output of a process that is not supervised, as far as it has come."""
        for line in child.read() or ():
            self.console.line(child.name, line)

    def note(self, text: str, *, alarm: bool = False) -> None:
        """A line of the supervisor's own."""
        self.console.line("supervisor", text, alarm=alarm)

    def _watch(self, *, expendable: bool) -> Watch:
        return Watch(replace(self.policy, gives_up=expendable), random.random)

    def _start(self, name: str, watch: Watch, now: float) -> None:
        watch.begin(now)
        try:
            self.units[name].start()
        except (OSError, ServiceFailed) as error:
            self._schedule(name, watch, str(error))
            return
        if child := self.children.get(name):
            self._selector.register(child.output or 0, selectors.EVENT_READ, child)
        else:
            self.note(f"{name} runs again")

    def _note_death(self, name: str, watch: Watch) -> None:
        reason = "has stopped"
        if child := self.children.get(name):
            reason = child.ending()
            self._bury(child)
        self._schedule(name, watch, reason)

    def _schedule(self, name: str, watch: Watch, reason: str) -> None:
        delay_s = watch.fail(time.monotonic())
        if delay_s is None:
            self.note(f"{name} {reason}. GIVEN UP after {watch.failures} failures in a row: Vanta runs without it. "
                      "Find the cause above, then restart Vanta.", alarm=True)  # fmt: skip
        elif watch.is_failing:
            self.note(f"{name} {reason}. FAILING: {watch.failures} times in a row. Vanta needs it and goes on trying, "
                      f"next in {delay_s:.1f} s. Find the cause above.", alarm=True)  # fmt: skip
        else:
            self.note(f"{name} {reason}; starting it again in {delay_s:.1f} s", alarm=True)

    def _forward_output(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.data, Child):
                self._forward(key.data)
            else:
                key.data.drain()

    def _forward(self, child: Child) -> bool:
        """Show what the child has written; whether there may be more."""
        lines = child.read()
        for line in lines or ():
            self.console.line(child.name, line)
        if lines is None:
            self._close_output(child)
        return bool(lines)

    def _bury(self, child: Child) -> None:
        """End what a dead process left in its group and show its last words."""
        child.kill_rest()
        while child.output is not None and self._forward(child):
            pass
        self._close_output(child)

    def _close_output(self, child: Child) -> None:
        if child.output is not None:
            self._selector.unregister(child.output)
        for line in child.close_output():
            self.console.line(child.name, line)

    def _stop_children(self) -> None:
        """SIGTERM to all, wait for tasks to end, then SIGKILL; a second stop signal does not wait."""
        running = [child for child in self.children.values() if child.alive()]
        self.note(f"{self._stop_reason}: stopping {len(running)} processes; "
                  f"tasks may take {self.stop_within_s:.0f} s (a second signal: at once)")  # fmt: skip
        for child in running:
            child.terminate()
        deadline, first = time.monotonic() + self.stop_within_s, self._stops
        while any(child.alive() for child in running) and time.monotonic() < deadline and self._stops <= max(first, 1):
            self._forward_output(TICK_S)
        for child in self.children.values():
            if child.alive():
                self.note(f"{child.name} does not stop: killed", alarm=True)
            self._bury(child)
        for watch in self.watches.values():
            watch.state, watch.due_at = "stopped", None
        self._write_status()

    def _write_status(self) -> None:
        status = {"pid": os.getpid(), "units": {name: watch.as_json() for name, watch in self.watches.items()}}
        text = json.dumps(status, indent=1)
        if text != self._written:
            write_private(self.status_path, text)
            self._written = text
