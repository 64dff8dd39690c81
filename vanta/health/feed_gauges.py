"""How prices come in, as gauges that are read at each scrape: the sources, the stream, the markets."""

from prometheus_client.core import GaugeMetricFamily, Metric

from feeds.models import ConsensusLoss, LastMark, Market
from feeds.quote_store import read_quotes
from feeds.selectors import feed_status, open_markets
from feeds.source_status import read_status
from feeds.sources import SOURCES
from feeds.stream_status import read_stream
from vanta import clock
from vanta.health.families import gauge

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


def classes() -> list[Metric]:
    """Of the markets that are open now, by their class: each source's newest quote, and the oldest mark.

    Raises RedisDown. A source without a quote there, and a class without a mark, have no age.
    """
    now_ms = clock.now_ms()
    listed = Market.objects.filter(is_listed=True).order_by("-is_upside")  # the base market's class is the one kept
    class_of = dict(listed.values_list("price_symbol", "group_name"))
    symbols = [market.symbol for market in open_markets()]
    newest: dict[tuple[str, str], float] = {}
    for symbol, quotes in zip(symbols, read_quotes(symbols), strict=True):
        for quote in quotes:
            key, age_s = (quote.source, class_of[symbol]), (now_ms - quote.timestamp_ms) / MS_PER_S
            newest[key] = min(newest.get(key, age_s), age_s)
    oldest: dict[str, float] = {}
    for symbol, as_of in LastMark.objects.filter(price_symbol__in=symbols).values_list("price_symbol", "as_of"):
        age_s = (clock.now() - as_of).total_seconds()
        oldest[class_of[symbol]] = max(oldest.get(class_of[symbol], age_s), age_s)
    what = "Age of the newest quote by the source's own clock."
    return [
        gauge("vanta_feed_class_quote_age_seconds", what, ["source", "market_class"], newest),
        gauge("vanta_feed_class_mark_age_seconds", "Age of the oldest mark.", ["market_class"], oldest),
    ]


def _by_source(name: str, what: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, labels=["source"])
