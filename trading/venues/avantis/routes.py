"""What the venue's ways in have in common: each is a `Route`, and all are signed with the trader's delegate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trading.models import Delegate, Intent, Order
from trading.venues.avantis.messages import Domain
from trading.venues.base import Outcome, Prepared

RESTS = "rests"


def way_of(order: Order) -> str:
    """What decides how an order reaches the venue, for good: its kind, and of openings whether they rest."""
    return RESTS if order.rests else str(order.kind)


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, and for which contract. Lives for the moment of signing only."""

    domain: Domain
    delegate: Delegate
    private_key: bytes = field(repr=False)


class Route(Protocol):
    """One of the venue's services for orders; see `Venue` for what its functions promise."""

    def prepare(self, order: Order, signing: Signing) -> Prepared:
        """The exact signed bytes; nothing leaves the process. Raises CannotPrepare, MessageDiffers, WrongKey."""
        ...

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Send each intent's stored payload; outcomes by nonce. Nothing leaves after `start_by`."""
        ...

    def ask(self, intents: Sequence[Intent]) -> None:
        """Learn, of all at once, what there is to know. In no transaction."""
        ...

    def find(self, intent: Intent) -> Outcome:
        """What became of an intent that was, or may have been, submitted."""
        ...
