"""Two markets that stand still at the sandbox's venue and here, so that nothing but the orders matters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from feeds.consensus import Quote
from feeds.models import Market
from feeds.quote_store import write_quotes
from tests.factories import make_market
from tests.sandbox.conftest import Sandbox
from vanta import clock

PRICES = {"ETH/USD": Decimal(3000), "BTC/USD": Decimal(60_000)}
PAIR_INDEX = {"ETH/USD": 0, "BTC/USD": 1}
QUOTE_EVERY_S = 0.3


def stand_still(venue: Sandbox) -> list[Market]:
    """The markets, under the venue's numbers, with the venue's prices frozen."""
    venue.post("/control/freeze", frozen=True).raise_for_status()
    for symbol, price in PRICES.items():
        venue.post("/control/price", symbol=symbol, price=str(price)).raise_for_status()
    return [make_market(symbol, pair_index=PAIR_INDEX[symbol]) for symbol in PRICES]


@contextmanager
def fresh_prices() -> Iterator[None]:
    """Meanwhile each market has a price that is not old, and always the same."""
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(QUOTE_EVERY_S):
            write_quotes([_quote(symbol) for symbol in PRICES])

    write_quotes([_quote(symbol) for symbol in PRICES])
    teller = threading.Thread(target=tell)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _quote(symbol: str) -> Quote:
    now_ms = clock.now_ms()
    return Quote(symbol, "avantis", "pyth", PRICES[symbol], now_ms, now_ms, Decimal("1.5"), 60_000)
