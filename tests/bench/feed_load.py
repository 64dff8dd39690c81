"""What the prices of many markets cost and how old they are when an order sees them: `make soak`, and a short form.

112 markets whose venue ticks twice a second, with the processes of production that have to do with prices.
"""

import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from feeds import price_terms, quote_store, selectors
from feeds.consensus import MarkPrice, NoConsensus, Quote, consensus
from feeds.models import CandleCoverage, Market, Resolution
from feeds.stream_status import read_stream
from tests.stack import Stack, list_markets
from tests.waiting import wait_until
from vanta import clock

MARKETS = 112
SANDBOX = ("--markets", str(MARKETS), "--stream-period", "0.5")
PROCESSES = ("sandbox", "worker-feeds", "worker-maintenance", "beat", "streamer")
MEASURED = ("streamer", "worker-feeds")
SETTLES_WITHIN_S = 240
ASK_EVERY_S = 0.05
ROUNDS = 40
PERCENTILE_99 = 98


@dataclass(frozen=True, slots=True)
class FeedReport:
    """`cores`: processor seconds a second; `memory_mb`: resident, of a process with its children, at start and end."""

    seconds: float
    cores: dict[str, float]
    memory_mb: dict[str, tuple[float, float]]
    price_age_p50_s: float
    price_age_p99_s: float
    asked: int
    unpriced: int  # of those asked, how many had no price at all
    consensus_us: float
    decode_us: float

    @property
    def cpu_share(self) -> float:
        return sum(self.cores[name] for name in MEASURED)


def measure_feeds(
    seconds: int, log_dir: Path, say: Callable[[str], None] = lambda _: None, *, fetches_history: bool = True
) -> FeedReport:
    """Run the feeds for `seconds` after they have settled: history fetched, every market priced by the stream.

    The history is the business of a process that is not measured; without it the markets settle a minute sooner.
    """
    with Stack(*PROCESSES, log_dir=log_dir, sandbox_options=SANDBOX) as stack:
        list_markets(stack)
        if not fetches_history:
            _call_history_complete()
        wait_until(_has_settled, SETTLES_WITHIN_S, "every market is streamed, has a price and a history")
        say(f"{MARKETS} markets are streamed; measuring for {seconds} s")
        begun, before, memory = time.monotonic(), _cpu_s(stack), _memory_mb(stack)
        ages, unpriced = _watch(seconds, say, stack)
        lasted, after = time.monotonic() - begun, _cpu_s(stack)
        consensus_us, decode_us = _consensus_us()
        ends = _memory_mb(stack)
    return FeedReport(
        seconds=lasted,
        cores={name: (after[name] - before[name]) / lasted for name in PROCESSES},
        memory_mb={name: (memory[name], ends[name]) for name in PROCESSES},
        price_age_p50_s=statistics.median(ages),
        price_age_p99_s=statistics.quantiles(ages, n=100)[PERCENTILE_99],
        asked=len(ages) + unpriced,
        unpriced=unpriced,
        consensus_us=consensus_us,
        decode_us=decode_us,
    )


def _call_history_complete() -> None:
    """As if every market's candles had been fetched before."""
    now = clock.now()
    symbols = set(Market.objects.values_list("price_symbol", flat=True))
    rows = [
        CandleCoverage(price_symbol=symbol, resolution_s=resolution, complete_until=resolution.start_of(now))
        for symbol in symbols
        for resolution in Resolution
    ]
    CandleCoverage.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["price_symbol", "resolution_s"],
        update_fields=["complete_until"],
    )


def _has_settled() -> bool:
    symbols = [market.symbol for market in selectors.open_markets()]
    marks = selectors.mark_prices(symbols) if len(symbols) == MARKETS else {}
    stream = read_stream()
    is_priced = bool(marks) and all(isinstance(mark, MarkPrice) for mark in marks.values())
    has_history = CandleCoverage.objects.count() >= MARKETS * len(Resolution)
    return is_priced and has_history and stream is not None and stream.markets == MARKETS


def _watch(seconds: int, say: Callable[[str], None], stack: Stack) -> tuple[list[float], int]:
    """Ask for one market's price again and again, as orders do; the ages in seconds, and how often there was none."""
    symbols = [market.symbol for market in selectors.open_markets()]
    pause, ages, unpriced = threading.Event(), list[float](), 0
    ends, speaks = time.monotonic() + seconds, time.monotonic() + 60
    while (now := time.monotonic()) < ends:
        mark = selectors.mark_prices([random.choice(symbols)])
        for found in mark.values():
            if isinstance(found, NoConsensus):
                unpriced += 1
            else:
                ages.append((clock.now_ms() - found.as_of_ms) / 1000)
        if now > speaks:
            speaks = now + 60
            say(f"{ends - now:4.0f} s left; resident MB: {_memory_mb(stack)}")
        pause.wait(ASK_EVERY_S)
    return ages, unpriced


def _family(stack: Stack, name: str) -> list[psutil.Process]:
    process = psutil.Process(stack.pid(name))
    return [process, *process.children(recursive=True)]


def _cpu_s(stack: Stack) -> dict[str, float]:
    return {
        name: sum(times.user + times.system for times in (each.cpu_times() for each in _family(stack, name)))
        for name in PROCESSES
    }


def _memory_mb(stack: Stack) -> dict[str, float]:
    return {
        name: round(sum(each.memory_info().rss for each in _family(stack, name)) / 1024 / 1024, 1) for name in PROCESSES
    }


def _consensus_us() -> tuple[float, float]:
    """Microseconds of one market's consensus of three sources, and of decoding their quotes.

    The first quote of each market is what Redis holds; a slow source and a very slow one are added, which may veto.
    """
    symbols = [market.symbol for market in selectors.open_markets()]
    terms = price_terms.price_terms(symbols)
    stored = dict(zip(symbols, map(_of_three_sources, quote_store.read_quotes(symbols)), strict=True))
    texts = [quote_store.encode(quote) for quotes in stored.values() for quote in quotes]
    now_ms = max(quotes[1].timestamp_ms for quotes in stored.values())

    def decide() -> None:
        for symbol, quotes in stored.items():
            consensus(quotes, market=symbol, now_ms=now_ms, rules=terms[symbol].rules)

    def decode() -> None:
        for text in texts:
            quote_store.decode(text, market="", source="")

    return _median_us(decide, len(symbols)), _median_us(decode, len(symbols))


def _of_three_sources(quotes: Sequence[Quote]) -> list[Quote]:
    primary = max(quotes, key=lambda quote: quote.timestamp_ms)
    slow = replace(primary, source="slow", upstream="slow", timestamp_ms=primary.timestamp_ms - 30_000)
    slowest = replace(slow, source="slowest", upstream="slowest", timestamp_ms=primary.timestamp_ms - 55_000)
    return [slowest, primary, slow]


def _median_us(work: Callable[[], None], parts: int) -> float:
    taken: Sequence[float] = [_seconds(work) for _ in range(ROUNDS)]
    return statistics.median(taken) * 1_000_000 / parts


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
