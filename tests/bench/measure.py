"""Start every process, take the figures, print a table, write `.bench/latest.json`."""

import contextlib
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
from tests.bench.live_load import measure_live  # noqa: E402
from tests.bench.parts import TAKEN, part, table  # noqa: E402
from tests.bench.rate_load import rate_figures  # noqa: E402
from tests.bench.risk_load import risk_figures  # noqa: E402
from tests.stack import Stack, list_markets  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

PROCESSES = ("sandbox", "web", "worker-trading", "worker-messages", "worker-feeds",
             "worker-maintenance", "streamer", "beat", "dispatcher")  # fmt: skip
FEED_SECONDS = 30
RESULTS = Path(".bench") / "latest.json"


def measure() -> dict[str, Figure]:
    """All figures, with the processes of production on an empty database."""
    with part("set-up: the tables"):
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, payload text NOT NULL)")
    taken = order_figures()
    for name, take in (
        ("risk checks", risk_figures),
        ("rate limits", rate_figures),
        ("LIVE orders", live_figures),
        ("guardian", guardian_figures),
        ("feeds", feed_figures),
    ):
        with part(name):
            taken |= take()
    return taken


def order_figures() -> dict[str, Figure]:
    """What an order costs on its way through all processes."""
    with tempfile.TemporaryDirectory() as logs, contextlib.ExitStack() as ends:
        with part("set-up: the processes"):
            stack = ends.enter_context(Stack(*PROCESSES, log_dir=Path(logs)))
            list_markets(stack)
            wait_until(_is_priced, 60, "there is a price for ETH")
        taken = figures(Bench(stack, os.environ["TELEGRAM_WEBHOOK_SECRET"]))
        with part("taking the processes down"):
            ends.close()
    return taken


def _is_priced() -> bool:
    return isinstance(selectors.mark_prices(["ETH/USD"])["ETH/USD"], MarkPrice)


def live_figures() -> dict[str, Figure]:
    """LIVE orders against the sandbox's venue, and the time of one that is Vanta's own."""
    with tempfile.TemporaryDirectory() as logs:
        report = measure_live(Path(logs))
    own = f"{report.before_ms:.0f} ms from APPROVED to the POST, {report.after_ms:.0f} ms from the venue's fill to ours"
    return {
        "live_orders_per_s": Figure(report.orders_per_s, "orders/s", "sandbox venue, two signing processes"),
        "live_overhead_ms": Figure(report.overhead_ms, "ms", own),
    }


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
        report = measure_feeds(FEED_SECONDS, Path(logs), fetches_history=False)
    return {
        "consensus_us": Figure(report.consensus_us, "µs", f"{report.decode_us:.1f} µs to decode its quotes"),
        "feed_cpu_share": Figure(report.cpu_share, "cores", f"{report.cores['sandbox']:.3f} cores of the sandbox"),
        "order_price_age_p99_s": Figure(report.price_age_p99_s, "s", f"{report.price_age_p50_s:.2f} s median"),
    }


def main() -> None:
    taken = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    report = {
        "figures": {name: asdict(figure) for name, figure in taken.items()},
        "parts": [asdict(each) for each in TAKEN],
    }
    RESULTS.write_text(json.dumps(report, indent=2))
    for name, figure in taken.items():
        print(f"{name:36} {figure.value:10.2f} {figure.unit:12} {figure.baseline}")
    print("\nwhere the time went")
    print("\n".join(table()))


if __name__ == "__main__":
    main()
