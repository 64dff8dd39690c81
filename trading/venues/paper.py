"""The paper venue: fills at the consensus price plus the pair's spread, with the venue's own fees and formulas.

It keeps a journal of its own and executes a nonce once, whatever is submitted how often. Fails open for closes (the
venue's own price, or the last known one, serves where there is no consensus), closed for openings.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.conf import settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Market
from risk import margin
from risk.margin import Side
from trading.models import Intent, Order, PaperExecution
from trading.models.orders import CHANGES, OPENINGS, K
from trading.valuation import accrued_at
from trading.venues import avantis, paper_changes, paper_increases, paper_resting
from trading.venues.base import Expired, Filled, Outcome, Prepared, Rejected, Unknown, Waiting
from vanta import clock
from vanta.money import ZERO, quantize_price, quantize_usdc

LIQUIDATION = "liquidation"


class PaperVenue:
    """Implements `Venue` for DRY orders."""

    def is_ready(self) -> bool:
        """It is never away."""
        return True

    def prepare(self, order: Order) -> Prepared:
        """A nonce from the order's id (one order, one nonce) and all that the fill depends on but the price."""
        payload: dict[str, Any] = {
            "market": order.market.symbol,
            "kind": order.kind,
            "side": order.side,
            "collateral_usd": str(order.collateral_usd),
            "leverage": str(order.leverage),
            "wanted_price": str(order.quoted_price),
            "max_slippage": str(settings.MAX_SLIPPAGE_PCT),
            "reason": order.reason,
        }
        if order.kind == K.CANCEL or order.rests:
            payload |= paper_resting.wish(order)
        elif order.kind in CHANGES:
            payload |= paper_changes.wish(order)
        elif order.kind == K.INCREASE:
            payload["position"] = order.position_id
        elif order.position is not None:
            accrued = accrued_at(order.position, order.market, order.evaluated_at or clock.now())
            closed = min(order.collateral_usd, order.position.collateral_usd)
            share = closed / order.position.collateral_usd
            payload["collateral_usd"], payload["leverage"] = str(closed), str(order.position.leverage)
            payload["entry_price"] = str(order.position.entry_price)
            payload["liquidation_price"] = str(order.position.liquidation_price)
            payload["accrued_usd"] = str(quantize_usdc(accrued * share))
        if order.evaluated_price is not None and order.evaluated_at is not None:
            payload["evaluated_price"] = str(order.evaluated_price)
            payload["evaluated_at"] = order.evaluated_at.isoformat()
        deadline = clock.now() + dt.timedelta(seconds=settings.INTENT_VALID_S)
        return Prepared(nonce=f"paper-{order.pk}", payload=payload, deadline=deadline)

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Journal a result for each nonce that has none, then answer from the journal alone.

        An opening whose price is away for a moment is left waiting.
        """
        cancels = [intent for intent in intents if intent.payload["kind"] == K.CANCEL]
        return paper_resting.take_back(cancels, clock.now()) | self._execute_all(
            [intent for intent in intents if intent not in cancels]
        )

    def _execute_all(self, intents: Sequence[Intent]) -> dict[str, Outcome]:
        if not intents:
            return {}
        symbols = {intent.payload["market"] for intent in intents}
        markets = {market.symbol: market for market in Market.objects.filter(symbol__in=symbols)}
        marks = feeds.mark_prices(sorted(symbols))
        now = clock.now()
        waiting = {intent.nonce for intent in intents if _waits_for_price(intent, marks[intent.payload["market"]], now)}
        results = [
            PaperExecution(
                nonce=intent.nonce,
                result=_execute(intent, markets.get(intent.payload["market"]), marks[intent.payload["market"]], now),
                executed_at=_executed_at(intent, now),
            )
            for intent in intents
            if intent.nonce not in waiting
        ]
        PaperExecution.objects.bulk_create(results, ignore_conflicts=True)
        journal = PaperExecution.objects.in_bulk([intent.nonce for intent in intents], field_name="nonce")
        answers: dict[str, Outcome] = dict.fromkeys(waiting, Waiting("no_price"))
        return answers | {nonce: outcome(execution) for nonce, execution in journal.items()}

    def void(self, intent: Intent, *, start_by: float | None = None) -> Outcome:
        """Every message has an end here: its deadline."""
        return self.find(intent)

    def ask(self, intents: Sequence[Intent]) -> None:
        """All that there is to know is in the journal."""

    def find(self, intent: Intent) -> Outcome:
        """The journal's answer. Past the deadline the nonce is closed first: a late submission finds it closed."""
        now = clock.now()
        if intent.payload["kind"] == K.CANCEL:
            return paper_resting.late(intent, now) if now > intent.deadline else paper_resting.found(intent)
        if now > intent.deadline:
            closed = PaperExecution(nonce=intent.nonce, result={"expired": True}, executed_at=now)
            PaperExecution.objects.bulk_create([closed], ignore_conflicts=True)
        execution = PaperExecution.objects.filter(nonce=intent.nonce).first()
        return Unknown("not_in_journal") if execution is None else outcome(execution)


def _waits_for_price(intent: Intent, mark: MarkPrice | NoConsensus, now: dt.datetime) -> bool:
    """Whether an order waits for its price to come back, until the deadline.

    An opening was approved at a trusted price a moment ago; Redis or the feeds have been away since and will be back,
    and it is never filled at a price too far off; one that rests needs none to be placed. A closing waits only where
    there never was any price, stops never;
    an increase never: closings of its position wait for it.
    """
    if isinstance(mark, MarkPrice) or now > intent.deadline or intent.payload["kind"] == Order.Kind.STOPS:
        return False
    if intent.payload["kind"] in CHANGES:
        return False
    if intent.payload["kind"] == K.INCREASE or "limit_price" in intent.payload:
        return False
    if intent.payload["kind"] == K.OPEN:
        return mark.reason in ("no_quotes", "no_fresh_quote")
    return feeds.closing_price(intent.payload["market"], mark) is None


def _executed_at(intent: Intent, now: dt.datetime) -> dt.datetime:
    """Now; for a closing that the guardian found on missed candles, when they crossed."""
    evaluated_at = intent.payload.get("evaluated_at")
    return dt.datetime.fromisoformat(evaluated_at) if evaluated_at else now


def _execute(intent: Intent, market: Market | None, mark: MarkPrice | NoConsensus, now: dt.datetime) -> dict[str, Any]:
    wish = intent.payload
    if now > intent.deadline:
        return {"rejected": "deadline_passed"}
    if "limit_price" in wish or market is None:
        return paper_resting.place(wish, market)
    if wish["kind"] in CHANGES:
        return paper_changes.execute(wish, market, None if isinstance(mark, NoConsensus) else mark.price)
    if wish["kind"] in OPENINGS:
        refusal = paper_increases.refusal(wish, market, now) if wish["kind"] == K.INCREASE else ""
        if refusal or isinstance(mark, NoConsensus):
            return {"rejected": refusal or "no_price"}
        return _open(wish, market, mark.price)
    if "evaluated_price" in wish:
        told = {"price_basis": "missed", "evaluated_at": wish["evaluated_at"]}
        return {**_close(wish, market, Decimal(wish["evaluated_price"])), **told}
    closing = feeds.closing_price(market.symbol, mark)
    if closing is None:
        return {"rejected": "no_price"}
    told = {"price_basis": closing.basis, "age_ms": clock.now_ms() - closing.as_of_ms}
    return {**_close(wish, market, closing.price), **(told if closing.basis != "consensus" else {})}


def _open(wish: dict[str, Any], market: Market, mark_price: Decimal) -> dict[str, Any]:
    side, collateral, leverage = Side(wish["side"]), Decimal(wish["collateral_usd"]), Decimal(wish["leverage"])
    fill = quantize_price(margin.fill_price_with_spread(side=side, price=mark_price, spread_rate=market.spread_rate))
    wanted = Decimal(wish["wanted_price"])
    if abs(fill - wanted) > wanted * (Decimal(wish["max_slippage"]) + market.spread_rate):
        return {"rejected": "slippage_exceeded", "price": str(fill), "wanted": str(wanted)}
    return _opened(side, collateral, leverage, fill, market)


def fill_resting(order: Order, mark_price: Decimal) -> dict[str, Any] | None:
    """The fill of a resting order at this mark; None where it goes on waiting: it is not there, or too far beyond.

    Only a stop-limit order can be filled worse than at its price, by the slippage that is allowed; any price that is
    better is taken.
    """
    market, side, limit = order.market, Side(order.side), order.limit_price
    is_there = limit is not None and (mark_price <= limit if order.waits_below else mark_price >= limit)
    if limit is None or not is_there:
        return None
    if side.sign * (mark_price - limit) > limit * settings.MAX_SLIPPAGE_PCT:
        return None
    fill = quantize_price(margin.fill_price_with_spread(side=side, price=mark_price, spread_rate=market.spread_rate))
    return _opened(side, order.collateral_usd, order.leverage, fill, market)


def _opened(side: Side, collateral: Decimal, leverage: Decimal, fill: Decimal, market: Market) -> dict[str, Any]:
    liquidation = avantis.liquidation_price(side=side, entry_price=fill, collateral_usd=collateral, leverage=leverage)
    # Rounded down, so that what the margin check reserved always covers it.
    fee = quantize_usdc(collateral * leverage * market.open_fee_rate, rounding=ROUND_DOWN)
    return {"price": str(fill), "fee_usd": str(fee), "liquidation_price": str(liquidation)}


def _close(wish: dict[str, Any], market: Market, mark_price: Decimal) -> dict[str, Any]:
    side, collateral = Side(wish["side"]), Decimal(wish["collateral_usd"])
    accrued = Decimal(wish["accrued_usd"])
    if wish["reason"] == LIQUIDATION:
        # The venue keeps what is left: all of the collateral is lost.
        return {
            "price": wish.get("evaluated_price", wish["liquidation_price"]),
            "fee_usd": "0",
            "accrued_usd": str(accrued),
            "pnl_usd": str(accrued - collateral),
            "payout_usd": "0",
            "closed_usd": str(collateral),
        }
    fill = quantize_price(
        margin.fill_price_with_spread(side=side, price=mark_price, spread_rate=market.spread_rate, opening=False)
    )
    pnl = avantis.close_pnl(
        market=market,
        side=side,
        entry_price=Decimal(wish["entry_price"]),
        exit_price=fill,
        collateral_usd=collateral,
        leverage=Decimal(wish["leverage"]),
        accrued_usd=accrued,
    )
    payout = max(ZERO, collateral + pnl.net_usd)
    gross = payout - collateral + pnl.fee_usd + accrued  # a loss beyond the collateral is the venue's
    return {
        "price": str(fill),
        "fee_usd": str(pnl.fee_usd),
        "accrued_usd": str(accrued),
        "pnl_usd": str(gross),
        "payout_usd": str(payout),
        "closed_usd": str(collateral),
    }


def outcome(execution: PaperExecution) -> Outcome:
    """The journal's row of anything but a cancel, read back."""
    result = execution.result
    if "expired" in result:
        return Expired()
    if "rejected" in result:
        return Rejected(result["rejected"], {name: value for name, value in result.items() if name != "rejected"})
    if "changed" in result:
        return paper_changes.outcome(result["changed"], execution.executed_at)
    if "resting" in result:
        return paper_resting.resting(execution)
    liquidation = result.get("liquidation_price")
    return Filled(
        venue_fill_id=execution.nonce,
        price=Decimal(result["price"]),
        executed_at=execution.executed_at,
        fee_usd=Decimal(result["fee_usd"]),
        liquidation_price=Decimal(liquidation) if liquidation else None,
        accrued_usd=Decimal(result.get("accrued_usd", "0")),
        pnl_usd=Decimal(result.get("pnl_usd", "0")),
        payout_usd=Decimal(result.get("payout_usd", "0")),
        closed_usd=Decimal(result["closed_usd"]) if "closed_usd" in result else None,
        detail={name: result[name] for name in ("price_basis", "age_ms", "evaluated_at") if name in result},
    )
