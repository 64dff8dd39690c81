"""Stop and take-profit of a whole trade: one signed message for both, put to the core service's price triggers."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from veranta_sdk import AsyncVeranta

from trading import alarms
from trading.models import Attempt, Intent, Order
from trading.venues.avantis import attempts, messages, orders, stop_effects
from trading.venues.avantis.client import venue_client
from trading.venues.avantis.messages import TICKS, units
from trading.venues.avantis.routes import Signing
from trading.venues.avantis.stop_effects import is_as_wanted
from trading.venues.avantis.terms import StopTerms
from trading.venues.avantis.trades import VenueTrade, read_trades
from trading.venues.base import Accepted, CannotPrepare, Outcome, Prepared, Rejected, Unknown
from vanta import clock
from vanta.money import ZERO

log = structlog.get_logger(__name__)
MS = 1000
ACCEPTED, REFUSED, NO_ANSWER, NOT_SENT = "accepted", "refused", "no_answer", "not_sent"
FINAL = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)  # what the service itself says no with; others a proxy may
GONE = "position_closed"
MAX_WHY = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """How one PUT ended, and the trade as core showed it before and after; None where it was not there or not read."""

    outcome: str
    http_status: int | None = None
    error: str = ""
    before: VenueTrade | None = None
    after: VenueTrade | None = None


class PriceTriggers:
    """Implements `Route`: orders that change stops."""

    def prepare(self, order: Order, signing: Signing) -> Prepared:
        """The signed message. Raises CannotPrepare, MessageDiffers, WrongKey."""
        position, domain, delegate = order.position, signing.domain, signing.delegate
        if position is None or position.venue_index is None or position.venue_opened_at_s is None:
            raise CannotPrepare("position_not_at_venue", order_id=order.pk)
        deadline = clock.now() + dt.timedelta(seconds=settings.INTENT_VALID_S)
        terms = StopTerms(
            trader=delegate.wallet_address,
            pair_index=order.market.pair_index,
            index=position.venue_index,
            take_profit=units(order.take_profit or ZERO, TICKS),
            stop_loss=units(order.stop_loss or ZERO, TICKS),
            deadline_ms=int(deadline.timestamp() * MS),
            nonce=orders.new_nonce(),
        )
        signed = messages.sign(terms, domain, signing.private_key, delegate.address)
        payload = {
            "encoded": signed.encoded,
            "signature": signed.signature,
            "digest": signed.digest,
            "signer": delegate.address,
            "trader": terms.trader,
            "chain_id": domain.chain_id,
            "trading_router": domain.trading_router,
            "deadline_ms": terms.deadline_ms,
            "expected": {
                "pair_index": terms.pair_index,
                "index": terms.index,
                "opened_at_s": position.venue_opened_at_s,
                "stop_loss": str(terms.stop_loss),
                "take_profit": str(terms.take_profit),
                "stop_was": str(units(position.stop_loss or ZERO, TICKS)),
                "take_profit_was": str(units(position.take_profit or ZERO, TICKS)),
            },
        }
        return Prepared(nonce=str(terms.nonce), payload=payload, deadline=deadline)

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Put all at once. Over where core shows what was wanted and did not before; else the nonce has to say."""
        taken = {intent.nonce: attempts.take(intent) for intent in intents}
        found = venue_client().at_once({intent.nonce: partial(_put, intent, start_by) for intent in intents})
        return {each.nonce: self._keep(each, taken[each.nonce], found.get(each.nonce)) for each in intents}

    def ask(self, intents: Sequence[Intent]) -> None:
        """The service tells of nothing by itself."""

    def find(self, intent: Intent) -> Outcome:
        """A refusal of the only attempt, else what nonce and effect prove."""
        made = list(Attempt.objects.filter(intent=intent))
        refused = _refusal(intent, made)
        if refused is not None:
            return refused
        found = stop_effects.find(intent)
        was_accepted = any(attempt.outcome == ACCEPTED for attempt in made)
        is_over = clock.now() > intent.deadline + stop_effects.MARGIN
        return Accepted() if isinstance(found, Unknown) and was_accepted and not is_over else found

    def _keep(self, intent: Intent, attempt: Attempt, told: Answer | None) -> Outcome:
        answer = told or Answer(NO_ANSWER, error="no_answer")
        attempt.outcome, attempt.http_status, attempt.finished_at = answer.outcome, answer.http_status, clock.now()
        attempt.detail = {"error": answer.error} if answer.error else {}
        attempt.save(update_fields=["outcome", "http_status", "finished_at", "detail"])
        if answer.http_status is not None and answer.error != GONE:
            alarms.raise_alarm(alarms.Kind.REFUSED, f"stops HTTP {answer.http_status}", answer.error)
            log.warning("venue_refused", status=answer.http_status, intent_id=intent.pk)
        if answer.outcome == ACCEPTED:
            before, after = answer.before, answer.after
            if before and after and is_as_wanted(intent, after) and not is_as_wanted(intent, before):
                return stop_effects.changed(intent, after, "price_triggers")
            return Accepted()
        return _refusal(intent, list(Attempt.objects.filter(intent=intent))) or Unknown(answer.error or "no_answer")


async def _put(intent: Intent, start_by: float | None, sdk: AsyncVeranta) -> Answer:
    """Look, put, look again. What it would hit is another trade where this one has ended: then nothing is sent.

    Sent once, past the SDK's own retries; sent again they would be the same bytes with the same nonce.
    """
    before = await _shown(sdk, intent)
    if before is None:
        return Answer(NOT_SENT, error=GONE)
    if start_by is not None and clock.monotonic() > start_by:
        return Answer(NO_ANSWER, error="paused")
    signed = {"userIntent": intent.payload["encoded"], "signedMessage": intent.payload["signature"]}
    told = await sdk.transport.request("PUT", _url(sdk, intent), json=signed, retries=0)
    if told.status_code >= HTTPStatus.BAD_REQUEST:
        is_gone = told.status_code == HTTPStatus.NOT_FOUND and await _after(sdk, intent) is None
        return Answer(REFUSED, told.status_code, GONE if is_gone else _why(told), before)
    body = _json(told)
    if not isinstance(body, dict) or body.get("success") is not True:
        return Answer(NO_ANSWER, error="unreadable", before=before)
    after = await _after(sdk, intent)
    return Answer(ACCEPTED, before=before, after=after if isinstance(after, VenueTrade) else None)


async def _after(sdk: AsyncVeranta, intent: Intent) -> VenueTrade | str | None:
    """The trade after an answer, None where it is gone; where nobody says, why: the answer must not be forgotten."""
    try:
        return await _shown(sdk, intent)
    except Exception as error:  # whatever broke afterwards
        return type(error).__name__


async def _shown(sdk: AsyncVeranta, intent: Intent) -> VenueTrade | None:
    """The trade as core shows it now. Raises VenueUnreachable and the SDK's errors."""
    url, trader = f"{sdk.config.core_api_url}/user-data", intent.payload["trader"]
    told = await sdk.transport.json("GET", url, params={"trader": trader})
    return stop_effects.named(intent, read_trades(told if isinstance(told, dict) else {}))


def _url(sdk: AsyncVeranta, intent: Intent) -> str:
    """Either level's name stands for both; the one that changes, for people who read it."""
    expected = intent.payload["expected"]
    level = "sl" if expected["stop_loss"] != expected["stop_was"] else "tp"
    place = f"{intent.payload['trader']}-{expected['pair_index']}-{expected['index']}"
    return f"{sdk.config.core_api_url}/price-triggers/global-{level}-{place}"


def _refusal(intent: Intent, made: Sequence[Attempt]) -> Rejected | None:
    """Proven as long as nothing else was ever sent."""
    if len(made) != 1:
        return None
    (only,) = made
    if only.outcome == NOT_SENT:
        return Rejected(GONE, {"venue_event": NOT_SENT}, is_of_only_attempt=True)
    if only.outcome != REFUSED or only.http_status not in FINAL:
        return None
    why = str(only.detail.get("error", ""))
    reason = GONE if why == GONE else f"venue_refused:{why}"
    return Rejected(reason.removesuffix(":"), {"http_status": only.http_status}, is_of_only_attempt=True)


def _why(told: Any) -> str:
    """The service's own words, as far as they can be shown."""
    body = _json(told)
    words = str(body.get("message", "")) if isinstance(body, dict) else ""
    return "".join(letter for letter in words if letter.isalnum() or letter in " _-.")[:MAX_WHY]


def _json(told: Any) -> Any:
    try:
        return told.json()
    except ValueError:
        return None
