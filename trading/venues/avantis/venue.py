"""The real venue: signs with the trader's delegate, sends the signed bytes, and reads what came of them.

Nothing is signed twice for an order, nothing is sent that was not committed before, and only proof ends an order. An
order's kind says which of the venue's services it goes through, for good.
"""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from veranta_sdk.errors import DigestMismatchError

from trading.keys import delegate_keys
from trading.keys.active import active_delegate
from trading.models import Intent, Order
from trading.models.orders import K
from trading.venues.avantis import identity, messages
from trading.venues.avantis.market_orders import MarketOrders
from trading.venues.avantis.price_triggers import PriceTriggers
from trading.venues.avantis.routes import Route, Signing
from trading.venues.base import CannotPrepare, Outcome, Prepared

log = structlog.get_logger(__name__)
MARKET = MarketOrders()
ROUTES: dict[str, Route] = {K.OPEN: MARKET, K.CLOSE: MARKET, K.STOPS: PriceTriggers()}


class AvantisVenue:
    """Implements `Venue` for LIVE orders."""

    def is_ready(self) -> bool:
        """Whether the venue is who it was at first sight."""
        return identity.is_as_known()

    def prepare(self, order: Order) -> Prepared:
        """The signed message. The key is unwrapped for this moment. Raises CannotPrepare and KeyUnavailable."""
        domain = identity.known_domain()
        delegate = active_delegate(order.trader_id)
        if domain is None:
            raise CannotPrepare("venue_changed", order_id=order.pk)
        if delegate is None:
            raise CannotPrepare("no_delegate", order_id=order.pk)
        try:
            with delegate_keys.private_key(delegate) as key:
                return ROUTES[order.kind].prepare(order, Signing(domain, delegate, key))
        except (messages.MessageDiffers, messages.WrongKey, DigestMismatchError) as error:
            log.exception("nothing_signed", order_id=order.pk)
            raise CannotPrepare("message_differs", order_id=order.pk) from error

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Each through its own service."""
        outcomes: dict[str, Outcome] = {}
        for route, theirs in _by_route(intents).items():
            outcomes |= route.submit(theirs, start_by=start_by)
        return outcomes

    def ask(self, intents: Sequence[Intent]) -> None:
        """Ask each service about its own."""
        for route, theirs in _by_route(intents).items():
            route.ask(theirs)

    def find(self, intent: Intent) -> Outcome:
        """What the service, the nonce and the effect say of one intent."""
        return ROUTES[_kind_of(intent)].find(intent)


def _by_route(intents: Sequence[Intent]) -> dict[Route, list[Intent]]:
    found: dict[Route, list[Intent]] = defaultdict(list)
    for intent in intents:
        found[ROUTES[_kind_of(intent)]].append(intent)
    return found


def _kind_of(intent: Intent) -> str:
    """The kind of the intent's order, which never changes."""
    return str(intent.order.kind)
