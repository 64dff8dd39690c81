"""`manage.py golive`: the launch with real money, step by step; goes on wherever it was left."""

import getpass
import json
import sys
import threading
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminpanel.preflight import launch, watch
from adminpanel.preflight.launch import Standing, Step
from adminpanel.preflight.runs import preflight
from adminpanel.preflight.table import lines
from trading import invariants

POLL_S = 2.0
ORDERS = 5


class Command(BaseCommand):
    help = (
        "Walk the launch: paper order, health, preflight with its drill, the switch to LIVE (in the admin site, by a "
        "super admin), the canary cap, the first orders. Stops openings where an order is UNKNOWN or the books break. "
        "Interrupt it whenever you like, and run it again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=ORDERS, help=f"how many LIVE orders are watched ({ORDERS})")
        parser.add_argument("--once", action="store_true", help="say where the launch stands, and change nothing")
        parser.add_argument("--json", action="store_true", help="the same for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = max(options["orders"], 1)
        if options["json"] or options["once"] or not sys.stdin.isatty():
            self._show(launch.standing(wanted), as_json=options["json"])
            return
        try:
            self._walk(wanted)
        except KeyboardInterrupt:
            self.stdout.write("\nLeft as it is. `manage.py golive` goes on from here.")

    def _show(self, at: Standing, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(asdict(at), indent=1) if as_json else _words(at))
        if at.is_trouble:
            sys.exit(1)

    def _walk(self, wanted: int) -> None:
        shown: Standing | None = None
        while True:
            at = launch.standing(wanted)
            if at != shown:
                self.stdout.write(_words(at))
                shown = at
            if at.step is Step.DONE:
                return
            self._go_on(at, wanted)

    def _go_on(self, at: Standing, wanted: int) -> None:
        """Do what this command can do about the step, else wait."""
        if at.is_trouble:
            self._stop(at)
        if at.step is Step.PREFLIGHT:
            self._run_preflight()
        elif at.step is Step.WATCH and self._is_over(wanted):
            return
        else:
            threading.Event().wait(POLL_S)

    def _stop(self, at: Standing) -> None:
        launch.stop_openings(at.saw, actor=_actor())
        raise CommandError(f"Openings are stopped (REDUCING): {at.saw} Closings go on. Resuming is a super admin's.")

    def _run_preflight(self) -> None:
        if input("Run preflight with the drill of the emergency stop now? Trading halts for a moment. [y/N] ") != "y":
            raise CommandError("Not without it: LIVE is switched on only after a preflight without red.")
        run = preflight(by=_actor(), is_drill_forced=True)
        self.stdout.write("\n".join(lines(run, is_coloured=self.stdout.isatty())))
        if run.red():
            raise CommandError("Mend what is red, then `manage.py golive` again.")

    def _is_over(self, wanted: int) -> bool:
        """Whether the watch has ended well, which is written down; the books are asked once more for it."""
        since = watch.live_since()
        found = watch.look(since, wanted) if since else None
        if found is None or not found.is_over(wanted):
            return False
        if broken := invariants.breaches():
            self._stop(Standing(Step.WATCH, f"an invariant is broken: {broken[0].code}, {broken[0].subject}."))
        watch.record(found, actor=_actor())
        self.stdout.write("\n".join(["The first LIVE orders:", *launch.told(found)]))
        return True


def _actor() -> str:
    return f"golive:{getpass.getuser()}"


def _words(at: Standing) -> str:
    number = list(Step).index(at.step) + 1
    return f"{number}/{len(Step)} {at.step}: {at.saw}" + (f"\n    → {at.do}" if at.do else "")
