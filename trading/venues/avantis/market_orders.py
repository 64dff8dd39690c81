"""Orders at the market: an intent to the batched-market service, and the events that it tells of it."""

import datetime as dt
from collections.abc import Sequence

import structlog
from django.conf import settings
from veranta_sdk.execution.batched_market import BatchedMarketEvent

from trading import alarms
from trading.models import Attempt, Intent, Order, VenueEvent
from trading.venues.avantis import attempts, effects, messages, orders, verdicts
from trading.venues.avantis.client import Answer, Post, VenueUnreachable, venue_client
from trading.venues.avantis.routes import Signing
from trading.venues.avantis.verdicts import Disputed, Event, Executed, Refused, Submission, UnderWay
from trading.venues.base import Accepted, Outcome, Prepared, Rejected, Unknown
from vanta import clock

log = structlog.get_logger(__name__)
MS = 1000
PATIENCE = dt.timedelta(seconds=5)  # with a venue that has taken an order and says nothing


class MarketOrders:
    """Implements `Route`: openings, increases and closings at the market."""

    def prepare(self, order: Order, signing: Signing) -> Prepared:
        """The signed message. Raises CannotPrepare, MessageDiffers, WrongKey."""
        domain, delegate = signing.domain, signing.delegate
        deadline = clock.now() + dt.timedelta(seconds=settings.INTENT_VALID_S)
        terms = orders.terms_of(order, delegate.wallet_address, int(deadline.timestamp() * MS))
        signed = messages.sign(terms, domain, signing.private_key, delegate.address)
        payload = {
            "order_type": int(terms.order_type),
            "encoded": signed.encoded,
            "signature": signed.signature,
            "digest": signed.digest,
            "signer": delegate.address,
            "trader": delegate.wallet_address,
            "chain_id": domain.chain_id,
            "trading_router": domain.trading_router,
            "deadline_ms": terms.deadline_ms,
            "expected": orders.expectation(order, terms),
        }
        return Prepared(nonce=str(terms.nonce), payload=payload, deadline=deadline)

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Send all at once; each is over when the venue has taken it, which is long before it is executed."""
        taken = {intent.nonce: attempts.take(intent) for intent in intents}
        posts = [_post(intent, start_by) for intent in intents]

        def tell(nonce: str, event: BatchedMarketEvent) -> None:
            _keep_first(taken[nonce], event)

        answers = venue_client().post_all(posts, tell)
        for nonce, answer in answers.items():
            _keep_answer(taken[nonce], answer)
        return {intent.nonce: self._judge(intent) for intent in intents}

    def ask(self, intents: Sequence[Intent]) -> None:
        """Store what the venue has told since of every tracking id of these intents."""
        by_id = {a.tracking_id: a.intent_id for a in Attempt.objects.filter(intent__in=intents) if a.tracking_id}
        after = dict.fromkeys(by_id, -1)
        for told in VenueEvent.objects.filter(tracking_id__in=by_id).only("tracking_id", "seq"):
            after[told.tracking_id] = max(after[told.tracking_id], told.seq)
        if not after:
            return
        try:
            found = venue_client().events(after)
        except VenueUnreachable as error:
            log.info("venue_not_asked", error=str(error))
            return
        VenueEvent.objects.bulk_create(
            [
                _row(by_id[tracking_id], tracking_id, event)
                for tracking_id, events in found.items()
                for event in events
                if event.seq is not None
            ],
            ignore_conflicts=True,
        )

    def find(self, intent: Intent) -> Outcome:
        """What the stored events prove; where they prove nothing, what nonce and effect do."""
        outcome = self._judge(intent)
        now = clock.now()
        if isinstance(outcome, Unknown):
            return effects.find(attempts.order_of(intent), intent, may_resubmit=outcome.may_resubmit)
        if isinstance(outcome, Accepted) and now > attempts.last(intent).started_at + PATIENCE:
            found = effects.find(attempts.order_of(intent), intent, may_resubmit=False)
            is_over = now > intent.deadline + dt.timedelta(seconds=effects.MARGIN_S)
            return outcome if isinstance(found, Unknown) and not is_over else found
        return outcome

    def _judge(self, intent: Intent) -> Outcome:
        made = list(Attempt.objects.filter(intent=intent))
        events = VenueEvent.objects.filter(intent=intent)
        wanted = orders.expected(intent.payload["expected"])
        verdict = verdicts.judge(
            [Submission(attempt.tracking_id, attempt.http_status) for attempt in made],
            [Event(event.tracking_id, event.seq, event.kind, event.payload) for event in events],
            wanted,
        )
        order_name = f"order {intent.order_id}"
        if isinstance(verdict, Executed):
            if verdict.others:
                alarms.raise_alarm(alarms.Kind.DISPUTED_FILL, order_name, "the venue tells of several fills")
            return orders.filled(attempts.order_of(intent), intent.nonce, dict(verdict.payload), verdict.kind, wanted)
        if isinstance(verdict, Refused):
            return Rejected(verdict.reason, is_of_only_attempt=True)
        if isinstance(verdict, UnderWay):
            return Accepted()
        if isinstance(verdict, Disputed):
            alarms.raise_alarm(alarms.Kind.DISPUTED_FILL, order_name, ", ".join(verdict.differences))
            return Unknown("disputed", may_resubmit=False)
        is_untracked = not any(attempt.tracking_id for attempt in made)
        return Unknown(verdict.reason, may_resubmit=is_untracked)


def _post(intent: Intent, start_by: float | None) -> Post:
    kept = intent.payload
    return Post(intent.nonce, kept["order_type"], kept["encoded"], kept["signature"], start_by)


def _row(intent_id: int, tracking_id: str, event: BatchedMarketEvent) -> VenueEvent:
    return VenueEvent(
        intent_id=intent_id, tracking_id=tracking_id, seq=event.seq or 0, kind=event.type[:60], payload=event.data
    )


def _keep_first(attempt: Attempt, event: BatchedMarketEvent) -> None:
    """The tracking id is committed before the venue is heard any further."""
    tracking_id = str(event.data.get("trackingId") or "")[:100] if event.type == verdicts.ACCEPTED else ""
    if tracking_id:
        attempt.tracking_id = tracking_id
        Attempt.objects.filter(pk=attempt.pk).update(tracking_id=tracking_id)
    if attempt.tracking_id:
        row = _row(attempt.intent_id, attempt.tracking_id, event)
        VenueEvent.objects.bulk_create([row], ignore_conflicts=True)
    else:
        log.info("venue_event_untracked", kind=event.type, code=event.data.get("code"))


def _keep_answer(attempt: Attempt, answer: Answer) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(
        outcome=answer.outcome,
        http_status=answer.http_status,
        finished_at=clock.now(),
        detail={"error": answer.error} if answer.error else {},
    )
    if answer.http_status is not None:
        subject = f"HTTP {answer.http_status}"
        alarms.raise_alarm(alarms.Kind.REFUSED, subject, answer.error)
        log.warning("venue_refused", status=answer.http_status, intent_id=attempt.intent_id)
