"""The story of one order for its admin page: a timeline, then tables of checks, attempts, fills, money."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from adminpanel.admin.columns import NOTHING, STATE_COLOURS, badge, figure, link, money, pretty_json, shortened, words
from trading.models import Fill, Intent, LedgerTransaction, Order, OutboxMessage, Receipt, ShadowFill, TelegramUpdate
from trading.selectors import OrderChain
from vanta import clock
from vanta.money import format_number, format_percent, format_price

Table = dict[str, Any]
EXPLAINED = {"checks", "denials", "price"}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the order; what has a colour is a change of its state."""

    at: dt.datetime
    what: str
    detail: str = ""
    colour: str | None = None


def order_story(chain: OrderChain) -> dict[str, Any]:
    """Everything that the template shows."""
    order = chain.order
    transactions = list(order.ledger_transactions.order_by("pk").prefetch_related("entries"))
    return {
        "tables": [
            table
            for table in (
                _timeline(sorted(_moments(chain, transactions), key=lambda moment: moment.at)),
                _checks(order.decision.get("checks", []), order.decision.get("denials", [])),
                _price(order.decision.get("price")),
                _attempts(chain),
                _fills(chain.fills),
                _entries(transactions),
                _messages(chain.messages),
            )
            if table["rows"]
        ],
        "intent": _intent(chain.intent),
    }


def _moments(chain: OrderChain, transactions: Sequence[LedgerTransaction]) -> Iterator[Moment]:
    yield from _update_moments(chain.order)
    for event in chain.events:
        change = f"{event.from_state} → {event.to_state}" if event.from_state else event.to_state
        yield Moment(event.at, change, _short(event.detail), STATE_COLOURS.get(event.to_state, ""))
    if chain.intent is not None:
        yield Moment(chain.intent.created_at, "Intent committed", f"nonce {chain.intent.nonce}")
    for attempt in chain.attempts:
        yield Moment(attempt.started_at, f"Attempt {attempt.number} started")
        if attempt.finished_at:
            detail = " ".join(part for part in (attempt.outcome, _short(attempt.detail)) if part)
            yield Moment(attempt.finished_at, f"Attempt {attempt.number} answered", detail)
    for told in chain.venue_events:
        yield Moment(told.received_at, f"Venue: {told.kind}", f"{told.tracking_id}, seq {told.seq}")
    for fill in chain.fills:
        yield Moment(fill.at, "Executed by the venue", f"at {format_price(fill.price)}, {fill.venue_fill_id}")
    for booking in transactions:
        yield Moment(booking.at, f"Ledger: {booking.kind}", booking.reference)
    for message in chain.messages:
        yield Moment(message.created_at, "Message owed", f"{message.method}, outbox {message.pk}")
        if message.sent_at:
            yield Moment(message.sent_at, "Message sent", f"Telegram message {message.telegram_message_id or NOTHING}")


def _update_moments(order: Order) -> Iterator[Moment]:
    update = TelegramUpdate.objects.filter(pk=order.update_id).first() if order.update_id else None
    if update is None:
        return
    yield Moment(update.received_at, "Telegram update received", f"update {update.pk}, trace {update.trace_id}")


def _timeline(moments: Sequence[Moment]) -> Table:
    rows = [
        [
            _clock_time(moment.at),
            _distance(moment.at - moments[0].at),
            moment.what if moment.colour is None else badge(moment.what, moment.colour),
            words(moment.detail or NOTHING),
        ]
        for moment in moments
    ]
    return {"title": "What happened", "headers": ["time", "after", "what", "detail"], "rows": rows}


def _distance(passed: dt.timedelta) -> str:
    milliseconds = passed // dt.timedelta(milliseconds=1)
    return figure(f"+{milliseconds} ms" if milliseconds < 10_000 else f"+{milliseconds // 1000} s")


def _short(detail: Mapping[str, Any]) -> str:
    """A detail on one line; what has a table of its own is left out."""
    return ", ".join(
        f"{name} {value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)}"
        for name, value in detail.items()
        if name not in EXPLAINED
    )


def _checks(checks: Sequence[Mapping[str, Any]], denials: Sequence[Mapping[str, Any]]) -> Table:
    would_pass = {denial["code"]: _would_pass(denial) for denial in denials}
    rows = [
        [
            str(check["code"]).replace("_", " "),
            badge("no", "success") if check.get("passed") else badge("denied", "danger"),
            _number(check.get("measured")),
            _number(check.get("limit")),
            check.get("detail") or NOTHING,
            would_pass.get(check["code"]) or NOTHING,
        ]
        for check in checks
    ]
    headers = ["reason to deny", "found", "measured", "limit", "detail", "would pass"]
    return {"title": "Risk checks", "headers": headers, "rows": rows}


def _would_pass(denial: Mapping[str, Any]) -> str:
    offers = (
        ("max_collateral_usd", "collateral up to {} USDC"),
        ("max_leverage", "leverage up to {}x"),
        ("stop_price", "a stop at {}"),
    )
    return ", ".join(text.format(_number(denial[name])) for name, text in offers if denial.get(name) not in (None, "0"))


def _price(price: Mapping[str, Any] | None) -> Table:
    headers = ["mark price", "of", "uncertainty", "sources", "left out"]
    if not price:
        return {"title": "Price", "headers": headers, "rows": []}
    left_out = [f"{exclusion.get('source')}: {exclusion.get('reason')}" for exclusion in price.get("excluded", [])]
    row = [
        _number(price.get("mark")),
        _clock_time(clock.from_ms(int(price["as_of_ms"]))),
        _number(price.get("uncertainty")),
        ", ".join(price.get("sources", [])),
        ", ".join(left_out) or NOTHING,
    ]
    return {"title": "Price it was decided on", "headers": headers, "rows": [row]}


def _attempts(chain: OrderChain) -> Table:
    rows = [
        [
            attempt.number,
            _clock_time(attempt.started_at),
            _clock_time(attempt.finished_at),
            attempt.outcome or NOTHING,
            words(_short(attempt.detail) or NOTHING),
        ]
        for attempt in chain.attempts
    ]
    headers = ["attempt", "started", "answered", "outcome", "detail"]
    return {"title": "Attempts", "headers": headers, "rows": rows}


def _fills(fills: Sequence[Fill]) -> Table:
    rows = [
        [
            link(fill, shortened(fill.venue_fill_id)),
            format_price(fill.price),
            money(fill.collateral_usd),
            money(fill.notional_usd),
            money(fill.fee_usd),
            money(fill.accrued_usd),
            money(fill.pnl_usd),
            _on_paper(fill),
            _on_chain(fill),
        ]
        for fill in fills
    ]
    headers = [
        "fill",
        "price",
        "collateral",
        "notional",
        "fee",
        "rollover and funding",
        "realised PnL",
        "on paper",
        "chain",
    ]
    return {"title": "Fills", "headers": headers, "rows": rows}


def _on_paper(fill: Fill) -> str:
    """The paper venue's price at the moment of a LIVE fill, and by how much the real one was worse."""
    shadow = ShadowFill.objects.filter(fill=fill).first()
    return f"{format_price(shadow.price)} ({format_percent(shadow.gap_rate, 3)} worse)" if shadow else NOTHING


def _on_chain(fill: Fill) -> str:
    """What the chain's node says of the fill's transaction."""
    receipt = Receipt.objects.filter(fill=fill).first()
    return link(receipt, receipt.get_outcome_display() or "not seen yet") if receipt else NOTHING


def _entries(transactions: Sequence[LedgerTransaction]) -> Table:
    rows = [
        [link(booking, booking.kind), entry.get_account_display(), money(entry.amount_usd)]
        for booking in transactions
        for entry in booking.entries.all()
    ]
    return {"title": "Ledger entries, which sum to zero", "headers": ["transaction", "account", "amount"], "rows": rows}


def _messages(messages: Sequence[OutboxMessage]) -> Table:
    rows = [
        [
            link(message, message.method),
            message.status,
            message.attempts,
            _clock_time(message.sent_at),
            message.telegram_message_id or NOTHING,
            words(message.last_error or NOTHING),
        ]
        for message in messages
    ]
    headers = ["message", "status", "attempts", "sent", "Telegram message", "last error"]
    return {"title": "Messages", "headers": headers, "rows": rows}


def _intent(intent: Intent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {"nonce": intent.nonce, "deadline": intent.deadline, "payload": pretty_json(intent.payload)}


def _clock_time(at: dt.datetime | None) -> str:
    return NOTHING if at is None else figure(f"{at:%H:%M:%S.%f}"[:-3])


def _number(text: Any) -> str:
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return NOTHING if text in (None, "", "None") else str(text)
    if not value.is_finite():
        return str(text)
    rounded = value if abs(value.as_tuple().exponent) <= 8 else round(value, 8)  # type: ignore[arg-type]
    return format_number(rounded)
