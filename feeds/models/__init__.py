"""Markets, marks and price history."""

from feeds.models.candles import Candle, CandleCoverage, Resolution
from feeds.models.markets import GROUPS_WITH_HOURS, Market
from feeds.models.marks import ConsensusLoss, LastMark

__all__ = [
    "GROUPS_WITH_HOURS",
    "Candle",
    "CandleCoverage",
    "ConsensusLoss",
    "LastMark",
    "Market",
    "Resolution",
]
