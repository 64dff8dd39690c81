"""The real venue: signs with the trader's delegate, sends the signed bytes, and reads what came of them.

Nothing is signed twice for an order, nothing is sent that was not committed before, and only proof ends an order. An
order's kind, and whether it rests, say which of the venue's services it goes through, for good.
"""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from veranta_sdk.errors import DigestMismatchError

from trading.errors import KeyUnavailable
from trading.keys import delegate_keys
from trading.keys.active import active_delegate
from trading.models import Intent, Order
from trading.models.orders import MARGIN, K
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.venues.avantis import cancels, identity, messages, price_updates
from trading.venues.avantis.limit_orders import LimitOrder
from trading.venues.avantis.margin_moves import MarginMove
from trading.venues.avantis.market_orders import MarketOrders
from trading.venues.avantis.passthrough import Passthrough
from trading.venues.avantis.price_triggers import PriceTriggers
from trading.venues.avantis.routes import RESTS, Route, Signing, way_of
from trading.venues.base import CannotPrepare, Outcome, Prepared, Unknown
from vanta import clock

log = structlog.get_logger(__name__)
MARKET = MarketOrders()
PASSTHROUGH = Passthrough(
    {K.ADD_MARGIN: MarginMove(), K.TAKE_MARGIN: MarginMove(), RESTS: LimitOrder(), K.CANCEL: cancels.Cancel()}
)
ROUTES: dict[str, Route] = {
    K.OPEN: MARKET,
    K.INCREASE: MARKET,
    K.CLOSE: MARKET,
    K.STOPS: PriceTriggers(),
    K.ADD_MARGIN: PASSTHROUGH,
    K.TAKE_MARGIN: PASSTHROUGH,
    RESTS: PASSTHROUGH,
    K.CANCEL: PASSTHROUGH,
}


class AvantisVenue:
    """Implements `Venue` for LIVE orders."""

    def is_ready(self) -> bool:
        """Whether the venue is who it was at first sight. What messages need of the venue's feed is fetched as well."""
        if not identity.is_as_known():
            return False
        waiting = Order.objects.filter(state=OrderState.APPROVED, mode=Mode.LIVE, kind__in=MARGIN)
        due = waiting.filter(next_check_at__lte=clock.now())
        price_updates.gather(due.values_list("market__pair_index", flat=True).distinct())
        return True

    def prepare(self, order: Order) -> Prepared:
        """The signed message. The key is unwrapped for this moment. Raises CannotPrepare and KeyUnavailable.

        A cancel that nobody can sign waits, with an alarm: what it is about rests on.
        """
        if order.kind == K.CANCEL:
            cancels.require_resting(order)
        domain = identity.known_domain()
        delegate = active_delegate(order.trader_id)
        if domain is None:
            raise CannotPrepare("venue_changed", order_id=order.pk)
        if delegate is None:
            if order.kind == K.CANCEL:
                raise KeyUnavailable("no_delegate", order_id=order.pk)
            raise CannotPrepare("no_delegate", order_id=order.pk)
        try:
            with delegate_keys.private_key(delegate) as key:
                return ROUTES[way_of(order)].prepare(order, Signing(domain, delegate, key))
        except (messages.MessageDiffers, messages.WrongKey, DigestMismatchError) as error:
            log.exception("nothing_signed", order_id=order.pk)
            raise CannotPrepare("message_differs", order_id=order.pk) from error

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Each through its own service."""
        outcomes: dict[str, Outcome] = {}
        for route, theirs in _by_route(intents).items():
            outcomes |= route.submit(theirs, start_by=start_by)
        return outcomes

    def void(self, intent: Intent, *, start_by: float | None = None) -> Outcome:
        """Only a delegate's batch has no end of its own."""
        is_batch = ROUTES[_way_of(intent)] is PASSTHROUGH
        return PASSTHROUGH.void(intent, start_by=start_by) if is_batch else Unknown("has_a_deadline")

    def ask(self, intents: Sequence[Intent]) -> None:
        """Ask each service about its own."""
        for route, theirs in _by_route(intents).items():
            route.ask(theirs)

    def find(self, intent: Intent) -> Outcome:
        """What the service, the nonce and the effect say of one intent."""
        return ROUTES[_way_of(intent)].find(intent)


def _by_route(intents: Sequence[Intent]) -> dict[Route, list[Intent]]:
    found: dict[Route, list[Intent]] = defaultdict(list)
    for intent in intents:
        found[ROUTES[_way_of(intent)]].append(intent)
    return found


def _way_of(intent: Intent) -> str:
    """The way of the intent's order, which never changes."""
    return way_of(intent.order)
