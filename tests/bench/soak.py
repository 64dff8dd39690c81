"""Ten minutes of many markets: what they cost, whether memory stays flat, how old the prices are. `make soak`."""

import os
import sys
import tempfile
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402  (models can be imported from here on)

from tests.bench.feed_load import MEASURED, measure_feeds  # noqa: E402

MAX_GROWTH = 1.1  # a process that is larger than this at the end is said to leak


def main() -> int:
    """Print the report; 1 where memory has grown or a price was missing."""
    call_command("migrate", verbosity=0)
    seconds = int(os.environ.get("SOAK_SECONDS", "600"))
    with tempfile.TemporaryDirectory() as logs:
        report = measure_feeds(seconds, Path(logs), say=lambda text: print(text, flush=True))
    print(f"\nover {report.seconds:.0f} s")
    for name, cores in report.cores.items():
        first, last = report.memory_mb[name]
        print(f"  {name:14} {cores:6.3f} cores   {first:7.1f} → {last:7.1f} MB resident")
    print(f"  feed_cpu_share         {report.cpu_share:.3f} cores (streamer and poller)")
    print(f"  order_price_age        p50 {report.price_age_p50_s:.2f} s, p99 {report.price_age_p99_s:.2f} s")
    print(f"  without a price        {report.unpriced} of {report.asked}")
    print(
        f"  consensus              {report.consensus_us:.1f} µs a market (decoding its quotes {report.decode_us:.1f})"
    )
    grown = [name for name in MEASURED if report.memory_mb[name][1] > report.memory_mb[name][0] * MAX_GROWTH]
    if grown or report.unpriced:
        print(f"NOT FLAT: {', '.join(grown) or 'prices were missing'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
