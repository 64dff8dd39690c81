"""Trading's tables, one file a subject."""

from trading.models.breaches import InvariantBreach, InvariantLook
from trading.models.days import DayOpening
from trading.models.delegates import ConnectLink, Delegate, DelegateRelay
from trading.models.ledger import LedgerEntry, LedgerTransaction
from trading.models.messages import OutboxMessage, TelegramUpdate
from trading.models.orders import Attempt, Fill, Intent, Order, OrderEvent
from trading.models.panics import Panic
from trading.models.paper import PaperExecution
from trading.models.placements import Placement
from trading.models.positions import Position, PositionEvent
from trading.models.receipts import Receipt
from trading.models.traders import Account, Trader
from trading.models.venue import ShadowFill, VenueAlarm, VenueEvent, VenueIdentity
from trading.models.watches import MarketWatch

__all__ = [
    "Account",
    "Attempt",
    "ConnectLink",
    "DayOpening",
    "Delegate",
    "DelegateRelay",
    "Fill",
    "Intent",
    "InvariantBreach",
    "InvariantLook",
    "LedgerEntry",
    "LedgerTransaction",
    "MarketWatch",
    "Order",
    "OrderEvent",
    "OutboxMessage",
    "Panic",
    "PaperExecution",
    "Placement",
    "Position",
    "PositionEvent",
    "Receipt",
    "ShadowFill",
    "TelegramUpdate",
    "Trader",
    "VenueAlarm",
    "VenueEvent",
    "VenueIdentity",
]
