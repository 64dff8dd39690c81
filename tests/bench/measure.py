"""Start every process, take the figures, print a table, write `.bench/latest.json`."""

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402  (models can be imported from here on)
from django.db import connection  # noqa: E402

from feeds import selectors  # noqa: E402
from feeds.consensus import MarkPrice  # noqa: E402
from tests.bench.feed_load import measure_feeds  # noqa: E402
from tests.bench.figures import Bench, Figure, figures  # noqa: E402
from tests.bench.guardian_load import measure_guardian  # noqa: E402
from tests.bench.rate_load import rate_figures  # noqa: E402
from tests.bench.risk_load import risk_figures  # noqa: E402
from tests.stack import Stack  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

PROCESSES = ("sandbox", "web", "worker-trading", "worker-messages", "worker-feeds",
             "worker-maintenance", "streamer", "beat", "dispatcher")  # fmt: skip
FEED_SECONDS = 30
RESULTS = Path(".bench") / "latest.json"


def measure() -> dict[str, Figure]:
    """All figures, with the processes of production on an empty database."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, payload text NOT NULL)")
    with tempfile.TemporaryDirectory() as logs, Stack(*PROCESSES, log_dir=Path(logs)) as stack:
        wait_until(
            lambda: isinstance(selectors.mark_prices(["ETH/USD"])["ETH/USD"], MarkPrice), 60, "there is a price for ETH"
        )
        taken = figures(Bench(stack, os.environ["TELEGRAM_WEBHOOK_SECRET"]))
    return taken | risk_figures() | rate_figures() | guardian_figures() | feed_figures()


def guardian_figures() -> dict[str, Figure]:
    """What watching one market costs, and how much more it costs with a thousand times the triggers."""
    report = measure_guardian()
    return {
        "trigger_scan_growth": Figure(report.growth, "ratio", f"{report.few_s * 1000:.2f} ms with 1 000 armed"),
        "guardian_ticks_per_s": Figure(report.ticks_per_s, "ticks/s", "1 000 armed, none crossed"),
    }


def feed_figures() -> dict[str, Figure]:
    """What the prices of 112 markets cost, at two ticks a second each; `make soak` is the long form."""
    with tempfile.TemporaryDirectory() as logs:
        report = measure_feeds(FEED_SECONDS, Path(logs))
    return {
        "consensus_us": Figure(report.consensus_us, "µs", f"{report.decode_us:.1f} µs to decode its quotes"),
        "feed_cpu_share": Figure(report.cpu_share, "cores", f"{report.cores['sandbox']:.3f} cores of the sandbox"),
        "order_price_age_p99_s": Figure(report.price_age_p99_s, "s", f"{report.price_age_p50_s:.2f} s median"),
    }


def main() -> None:
    taken = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"figures": {name: asdict(figure) for name, figure in taken.items()}}, indent=2))
    for name, figure in taken.items():
        print(f"{name:36} {figure.value:10.2f} {figure.unit:12} {figure.baseline}")


if __name__ == "__main__":
    main()
