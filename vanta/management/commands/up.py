"""Starts Vanta: embedded servers, migrations, demo data, every process of the Procfile, and the sandbox."""

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from vanta.devservices import DevServices, ServiceFailed
from vanta.supervision.console import Console
from vanta.supervision.leftovers import end_leftovers
from vanta.supervision.liveness import Liveness, broker_ping, in_background, node_of
from vanta.supervision.plan import INDEPENDENT, Plan
from vanta.supervision.screen import ready_screen
from vanta.supervision.startup import Startup
from vanta.supervisor import Supervisor


class Command(BaseCommand):
    """Runs in the foreground until SIGTERM or Ctrl-C. Settings are read by the processes, not here."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--without", nargs="*", default=[], metavar="PROCESS", help="leave these processes out")
        parser.add_argument(
            "--until-ready", action="store_true", help="stop again once everything is ready: does it start here?"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        plan = Plan.of(Path(settings.BASE_DIR), Path(settings.STATE_DIR).resolve())
        try:
            with plan.services() as services:
                if left := end_leftovers(plan.state_dir):
                    self.stderr.write(f"Ended {len(left)} processes that an earlier, killed run had left.")
                run(plan, services, without=options["without"], until_ready=options["until_ready"])
        except ServiceFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)


def run(plan: Plan, services: DevServices, *, without: list[str], until_ready: bool = False) -> None:
    """Start everything and supervise it until a stop signal. Raises CommandError when it cannot start."""
    environment = plan.environment(services, on_terminal=sys.stdout.isatty())
    programs = [program for program in plan.programs(environment) if program.name not in without]
    console = Console(sys.stdout, width=max(len(program.name) for program in programs))
    supervisor = Supervisor(
        programs=[program for program in programs if program.name in INDEPENDENT],
        servers=services.servers,
        console=console,
        state_dir=plan.state_dir,
    )

    def show_screen() -> None:
        demo_file = plan.state_dir / "demo.json"
        demo = json.loads(demo_file.read_text()) if demo_file.exists() and not plan.production else {}
        names = [program.name for program in programs] + [server.name for server in services.servers]
        console.screen(ready_screen(environment, demo=demo, processes=names, pid=os.getpid()))
        if until_ready:
            supervisor.stop("everything is ready")

    startup = Startup(
        preparation=plan.program("prepare", ["python", "manage.py", "prepare"], environment),
        programs=[program for program in programs if program.name not in INDEPENDENT],
        readyz_url=f"http://127.0.0.1:{environment['PORT']}/readyz",
        on_ready=show_screen,
        may_wait=not until_ready,
    )
    nodes = {program.name: node for program in programs if (node := node_of(program.argv))}
    liveness = Liveness(nodes, in_background(broker_ping(environment["CELERY_BROKER_URL"])))

    def on_tick() -> None:
        startup.tick(supervisor)
        for name in liveness.silent(time.monotonic(), started_at=supervisor.running_since()):
            supervisor.kill(name, "has not answered for more than a minute")

    supervisor.on_tick = on_tick
    try:
        supervisor.run()
    finally:
        startup.close()
    if startup.failed:
        raise CommandError("Vanta does not start; the reason stands above.")
