"""How prices come in, as gauges that are read at each scrape: the sources, the stream, the markets."""

from prometheus_client.core import GaugeMetricFamily, Metric

from feeds.models import ConsensusLoss
from feeds.selectors import feed_status
from feeds.source_status import read_status
from feeds.sources import SOURCES
from feeds.stream_status import read_stream
from vanta import clock

MS_PER_S = 1000


def sources() -> list[Metric]:
    """Of each source; the age only where it ever had a quote. Raises RedisDown."""
    now_ms = clock.now_ms()
    age = _by_source("vanta_feed_newest_quote_age_seconds", "Age of the newest quote by the source's own clock.")
    failures = _by_source("vanta_feed_failures", "Failed polls in a row.")
    circuit = _by_source("vanta_feed_circuit_open", "1 while the circuit is not closed: open, or being probed.")
    paused = _by_source("vanta_feed_paused", "1 while the source is left alone.")
    for name in SOURCES:
        status = read_status(name)
        failures.add_metric([name], status.failures)
        circuit.add_metric([name], int(status.circuit(now_ms) != "closed"))
        paused.add_metric([name], int(status.paused_until_ms > now_ms))
        if status.newest_quote_ms is not None:
            age.add_metric([name], (now_ms - status.newest_quote_ms) / MS_PER_S)
    return [age, failures, circuit, paused]


def stream() -> list[Metric]:
    """Of the price stream; whether it flows, and the rest while somebody reads it. Raises RedisDown."""
    status, now_ms = read_stream(), clock.now_ms()
    flows = status is not None and status.is_flowing(now_ms)
    found: list[Metric] = [GaugeMetricFamily("vanta_feed_stream_flowing", "1 while prices come.", value=int(flows))]
    if status is None:
        return found
    found.append(GaugeMetricFamily("vanta_feed_stream_failures", "Failures in a row.", value=status.failures))
    if status.last_price_ms:
        age_s = (now_ms - status.last_price_ms) / MS_PER_S
        found.append(GaugeMetricFamily("vanta_feed_stream_price_age_seconds", "Since the last price.", value=age_s))
    return found


def markets() -> list[Metric]:
    """Of the distinct price symbols; without Redis none has a price."""
    status = feed_status()
    lost = ConsensusLoss.objects.filter(ended_at=None).count()
    return [
        GaugeMetricFamily("vanta_feed_markets_open", "Markets open by their hours.", value=status.open_markets),
        GaugeMetricFamily("vanta_feed_markets_priced", "Open markets with a mark.", value=status.priced_markets),
        GaugeMetricFamily("vanta_feed_losses_open", "Losses of consensus that have not ended.", value=lost),
    ]


def _by_source(name: str, what: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, labels=["source"])
