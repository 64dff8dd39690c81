"""The real venue. The paper venue shares its arithmetic, which `from trading.venues import avantis` offers."""

from trading.venues.avantis.compute import ClosePnl, close_pnl, liquidation_price

__all__ = ["ClosePnl", "close_pnl", "liquidation_price"]
