"""Locks that protections would have meant at past moments, from what had been lost by then; for replays alone."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from risk.rules.protections import ENDS, MEASURES
from risk.values import AccountSnapshot, Losses, Protections
from trading.day_openings import AccountKey
from trading.models import LedgerEntry
from trading.recent_losses import NOTHING, RecentLosses, day_begin_ms, losses_since
from trading.risk_inputs import losses_of
from vanta.money import ZERO

CODES = tuple(ENDS)


@dataclass(frozen=True, slots=True)
class Moment:
    """An account in front of an opening: when, where, and with which equity (None: nobody knows any more)."""

    account: AccountKey
    market_id: int
    at_ms: int
    equity_usd: Decimal | None


class PastLosses:
    """What some traders' accounts lost, and what was paid in, as far back as protections look from a time on."""

    def __init__(self, lost: Mapping[AccountKey, RecentLosses]) -> None:
        self._lost = lost
        self._paid_in: dict[AccountKey, list[tuple[int, Decimal]]] = defaultdict(list)

    @classmethod
    def read(cls, protections: Mapping[int, Protections], since: dt.datetime) -> Self:
        """`protections` by trader; nothing is read of those who have none."""
        past = cls(losses_since(protections, since))
        fallen = {pk for pk, each in protections.items() if each.drawdown_pct is not None}
        booked = LedgerEntry.objects.filter(trader__in=fallen, account=LedgerEntry.Account.DEPOSITS)
        rows = booked.values_list("trader_id", "mode", "transaction__at", "amount_usd") if fallen else []
        for trader_id, mode, at, amount_usd in rows:
            past._paid_in[trader_id, mode].append((round(at.timestamp() * 1000), -amount_usd))
        return past

    def locks(self, moment: Moment, protections: Protections, *, but: Collection[int]) -> dict[str, bool]:
        """Whether each protection that is on would have locked; stop-outs of the positions `but` never were.

        Without a known equity nothing is said of the drawdown.
        """
        account = self._snapshot(moment, but)
        return {code: ENDS[code](account, protections, moment.at_ms) is not None for code in _on(protections, moment)}

    def measured(self, code: str, moment: Moment, protections: Protections, *, but: Collection[int]) -> Decimal | None:
        """What the protection would have measured."""
        return MEASURES[code](self._snapshot(moment, but), protections, moment.at_ms)

    def _snapshot(self, moment: Moment, but: Collection[int]) -> AccountSnapshot:
        return AccountSnapshot(free_usd=moment.equity_usd or ZERO, losses=self._losses(moment, but))

    def _losses(self, moment: Moment, but: Collection[int]) -> Losses:
        lost = self._lost.get(moment.account, NOTHING)
        stop_outs = [each for each in lost.stop_outs if each.at_ms <= moment.at_ms and each.position_id not in but]
        openings = [each for each in lost.openings if day_begin_ms(each.day) <= moment.at_ms]
        paid_in = sum((usd for at_ms, usd in self._paid_in[moment.account] if at_ms <= moment.at_ms), ZERO)
        return losses_of(stop_outs, openings, paid_in, moment.market_id)


def _on(protections: Protections, moment: Moment) -> Sequence[str]:
    """The codes of those that are on and can be told."""
    on = {
        "cooldown": protections.cooldown_minutes is not None,
        "drawdown_lock": None not in (protections.drawdown_pct, protections.drawdown_days, moment.equity_usd),
        "market_lock": None not in (protections.market_stops, protections.market_stops_hours),
    }
    return [code for code in CODES if on[code]]
