"""What is at stake, for the dashboard: a card for each execution mode with the day's result and the open interest.

DRY and LIVE are separate accounts: nothing here is ever added up over both. Bars are numbers from 0 to 100; the page
draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from adminpanel.admin.columns import MODE_COLOURS, badge
from adminpanel.kept import Kept
from trading.day_results import DayResult, day_results
from trading.exposure import Exposure, exposures, total
from trading.models.traders import Mode
from vanta.money import HUNDRED, ONE, ZERO, format_usd

MARKETS_SHOWN = 10
KEPT_S = 10
results_of_today = Kept(day_results, KEPT_S)


@dataclass(frozen=True, slots=True)
class Bars:
    """One market, or several together: both sides with their bars, as shares of the largest side that is shown."""

    market: str
    url: str
    long: str
    short: str
    net: str
    leans: str  # long, short, or nothing
    long_bar: int
    short_bar: int
    collateral: str
    positions: int

    @property
    def short_from(self) -> int:
        """Where the short side's bar begins, drawn from the middle to the left."""
        return int(HUNDRED) - self.short_bar


def money_cards() -> list[dict[str, Any]]:
    """LIVE first where there is anything LIVE. The day's results are KEPT_S old at most."""
    results = {result.mode: result for result in results_of_today()}
    rows = exposures()
    held = {mode: [row for row in rows if row.mode == mode] for mode in Mode.values}
    modes = sorted(Mode.values, key=lambda mode: (not (held[mode] or results[mode].traders), mode != Mode.LIVE))
    return [_card(mode, results[mode], held[mode]) for mode in modes]


def _card(mode: str, result: DayResult, rows: Sequence[Exposure]) -> dict[str, Any]:
    shown, rest = list(rows[:MARKETS_SHOWN]), rows[MARKETS_SHOWN:]
    if rest:
        shown.append(total(rest, mode))
    widest = max((max(row.long_usd, row.short_usd) for row in shown), default=ZERO)
    together = total(rows, mode)
    return {
        "mode": mode,
        "badge": badge(mode, MODE_COLOURS[mode]),
        "today": _today(result),
        "all": _bars(together, max(together.long_usd, together.short_usd)),
        "rows": [_bars(row, widest, f"{len(rest)} more") for row in shown],
    }


def _today(result: DayResult) -> dict[str, Any]:
    return {
        "total": _signed(result.total_usd),
        "sense": _sense(result.total_usd),
        "realised": _signed(result.realised_usd),
        "unrealised": _signed(result.unrealised_usd),
        "traders": result.traders,
        "in_loss": result.in_loss,
        "loss_bar": _share(Decimal(result.in_loss), Decimal(result.traders)),
        "unopened": result.unopened,
        "unpriced": result.unpriced,
    }


def _bars(row: Exposure, widest: Decimal, name: str = "") -> Bars:
    return Bars(
        market=row.market or name,
        url=_positions_url(row),
        long=_whole(row.long_usd),
        short=_whole(row.short_usd),
        net=f"+{_whole(row.net_usd)}" if row.net_usd > ZERO else _whole(row.net_usd),
        leans="long" if row.net_usd > ZERO else "short" if row.net_usd < ZERO else "",
        long_bar=_share(row.long_usd, widest),
        short_bar=_share(row.short_usd, widest),
        collateral=_whole(row.collateral_usd),
        positions=row.positions,
    )


def _positions_url(row: Exposure) -> str:
    asked = {"status__exact": "open", "mode__exact": row.mode}
    if row.market_id is not None:
        asked["market__id__exact"] = str(row.market_id)
    return f"{reverse('admin:trading_position_changelist')}?{urlencode(asked)}"


def _share(part: Decimal, whole: Decimal) -> int:
    """Percent, whole; what is there at all is seen."""
    return int((part / whole * HUNDRED).quantize(ONE, rounding=ROUND_CEILING)) if whole > ZERO else 0


def _whole(amount: Decimal) -> str:
    """To whole USDC: bars and the figures beside them are compared, not accounted."""
    return format_usd(amount.quantize(ONE, rounding=ROUND_HALF_UP)).removesuffix(".00")


def _signed(amount: Decimal) -> str:
    return f"+{format_usd(amount)}" if amount > ZERO else format_usd(amount)


def _sense(amount: Decimal) -> str:
    return "gain" if amount > ZERO else "loss" if amount < ZERO else ""
