"""Which delegate may trade for a trader now."""

from trading.models import Delegate, Trader
from vanta import clock


def active_delegate(trader: Trader | int) -> Delegate | None:
    """The trader's delegate that the venue knows and that has not expired; None where LIVE trading is not set up."""
    trader_id = trader if isinstance(trader, int) else trader.pk
    return Delegate.objects.filter(
        trader_id=trader_id, status=Delegate.Status.ACTIVE, expires_at__gt=clock.now()
    ).first()
