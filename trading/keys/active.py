"""Which delegate may trade for a trader now, and which wallet it does so for."""

from django.db.models import F

from trading.models import Delegate, Order, Position, Trader
from trading.models.traders import Mode
from trading.order_state import PENDING
from vanta import clock


def active_delegate(trader: Trader | int) -> Delegate | None:
    """The trader's delegate that the venue knows and that has not expired; None where LIVE trading is not set up."""
    trader_id = trader if isinstance(trader, int) else trader.pk
    return Delegate.objects.filter(
        trader_id=trader_id, status=Delegate.Status.ACTIVE, expires_at__gt=clock.now()
    ).first()


def wallet_in_use(trader_id: int) -> str | None:
    """The wallet that the trader's LIVE positions and orders are on, whatever has become of its delegate.

    None where there are none: then any wallet can be connected.
    """
    held = Position.objects.filter(trader_id=trader_id, mode=Mode.LIVE, status=Position.Status.OPEN)
    decided = Order.objects.filter(trader_id=trader_id, mode=Mode.LIVE, state__in=PENDING)
    if not held.exists() and not decided.exists():
        return None
    known = Delegate.objects.filter(trader_id=trader_id).exclude(address="")
    last = known.order_by(F("activated_at").desc(nulls_last=True), "created_at").first()
    return last.wallet_address if last else None
