"""Which venue executes an order: the order's own mode decides, for life."""

from trading.models.traders import Mode
from trading.venues.avantis.venue import AvantisVenue
from trading.venues.base import Venue
from trading.venues.paper import PaperVenue

VENUES: dict[str, Venue] = {Mode.DRY: PaperVenue(), Mode.LIVE: AvantisVenue()}
EXECUTABLE_MODES = frozenset(VENUES)
