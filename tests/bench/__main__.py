"""Start everything on scratch services, measure, print a table, write `.bench/latest.json`."""

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import django
from django.core.management import call_command

from vanta.devservices import DevServices
from vanta.supervision.environment import generated_secrets

PROCESSES = ("sandbox", "web", "worker-trading", "worker-messages", "worker-feeds", "beat", "dispatcher")
RESULTS = Path(".bench") / "latest.json"


def main() -> None:
    with DevServices.temporary(durable=True) as services:
        os.environ.update(services.environment() | generated_secrets())
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
        os.environ["VANTA_STATE_DIR"] = str(services.state_dir)
        django.setup()
        call_command("migrate", verbosity=0)
        _measure()


def _measure() -> None:
    # Only now that Django is set up can what needs its models be imported.
    from django.db import connection

    from feeds import selectors
    from feeds.consensus import MarkPrice
    from tests.bench.figures import Bench, measure
    from tests.stack import Stack
    from tests.waiting import wait_until

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, payload text NOT NULL)")
    with tempfile.TemporaryDirectory() as logs, Stack(*PROCESSES, log_dir=Path(logs)) as stack:
        wait_until(
            lambda: isinstance(selectors.mark_prices(["ETH/USD"])["ETH/USD"], MarkPrice), 60, "there is a price for ETH"
        )
        figures = measure(Bench(stack, os.environ["TELEGRAM_WEBHOOK_SECRET"]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"figures": {name: asdict(figure) for name, figure in figures.items()}}, indent=2))
    for name, figure in figures.items():
        print(f"{name:32} {figure.value:10.2f} {figure.unit:12} {figure.baseline}")


if __name__ == "__main__":
    main()
