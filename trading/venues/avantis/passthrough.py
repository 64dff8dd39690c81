"""Orders that are calls of the router: a delegate's signed batch through the relayer, found out by nonce and effect.

Such a batch has no deadline: whoever has its bytes can have it executed until its exec nonce is used. So it is over
only then. With the order's batch another one is signed that does nothing under the same nonce, the *void*: where the
order is not wanted any more, or reverted, the void is sent until the nonce is used, by the one or by the other.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from django.conf import settings

from trading import alarms
from trading.models import Attempt, Intent, Order, VenueEvent
from trading.venues.avantis import batches, calls, relayer
from trading.venues.avantis.attempts import last, order_of, take
from trading.venues.avantis.batches import Batch
from trading.venues.avantis.calls import Call
from trading.venues.avantis.client import Answer
from trading.venues.avantis.messages import MessageDiffers, WrongKey
from trading.venues.avantis.nonces import NotTold, Used, exec_nonce_state
from trading.venues.avantis.relayer import Heard, Relay
from trading.venues.avantis.routes import Signing, way_of
from trading.venues.avantis_delegation import new_exec_nonce
from trading.venues.base import Accepted, Outcome, Prepared, Unknown
from vanta import clock

log = structlog.get_logger(__name__)
NONCE_USED = "ExecNonceUsed"
PATIENCE = dt.timedelta(seconds=6)  # after a relay is in a block, until the node of ours shows the block's state
LONGEST_PAUSE_S = 60  # between two voids


@dataclass(frozen=True, slots=True)
class Consumed:
    """That the exec nonce is used, seen first so long ago by the chain's time.

    `is_void_possible`: the void was, or may have been, sent. `is_void_likely`: the relayer says that it was executed.
    """

    waited_s: int
    is_void_possible: bool
    is_void_likely: bool
    is_reverted: bool
    transaction_hash: str


class Action(Protocol):
    """What the orders of one way are on this route."""

    def call(self, order: Order, wallet: str) -> Call:
        """The router's call for an order of this wallet. Raises CannotPrepare, NotExact, NotYet."""
        ...

    def outcome(self, order: Order, intent: Intent, consumed: Consumed) -> Outcome:
        """What the used exec nonce did, by its effect; Unknown where that cannot be told yet."""
        ...


class Passthrough:
    """Implements `Route`. An intent's deadline is ours alone: until then the order is sent again, then the void."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions

    def prepare(self, order: Order, signing: Signing) -> Prepared:
        """Both signed batches, under an exec nonce of their own. Raises CannotPrepare, MessageDiffers, WrongKey."""
        domain, delegate = signing.domain, signing.delegate
        call = self._actions[way_of(order)].call(order, delegate.wallet_address)
        data = calls.delegated(delegate.wallet_address, call)
        found = calls.differences(delegate.wallet_address, call, data)
        if found:
            raise MessageDiffers(found)
        nonce = new_exec_nonce()
        batch = Batch(delegate.address, domain.chain_id, domain.trading_router, data, int(nonce))
        tx_params = batches.signed(batch, signing.private_key)
        if tx_params["to"] != delegate.address:
            raise WrongKey(signer=delegate.address)
        payload = {
            "tx_params": tx_params,
            "void": batches.signed(batches.void(batch), signing.private_key),
            "call": call.name,
            "signer": delegate.address,
            "trader": delegate.wallet_address,
            "chain_id": domain.chain_id,
            "trading_router": domain.trading_router,
        }
        deadline = clock.now() + dt.timedelta(seconds=settings.INTENT_VALID_S)
        return Prepared(nonce=nonce, payload=payload, deadline=deadline)

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Hand the orders' batches to the relayer, all at once."""
        _send(intents, "tx_params", start_by)
        return {intent.nonce: _after_sending(intent) for intent in intents}

    def void(self, intent: Intent, *, start_by: float | None = None) -> Outcome:
        """Hand over the batch that makes the intent's own one unusable."""
        log.warning("voiding", intent_id=intent.pk)
        _send([intent], Attempt.VOID, start_by)
        return Unknown("being_voided", may_resubmit=False)

    def ask(self, intents: Sequence[Intent]) -> None:
        """Store what the relayer says of every request that it has not finished with."""
        waiting = {a.tracking_id: a for a in Attempt.objects.filter(intent__in=intents) if a.tracking_id}
        over = set(VenueEvent.objects.filter(intent__in=intents).values_list("tracking_id", flat=True))
        names = {request_id: _event_id(attempt) for request_id, attempt in waiting.items()}
        asked = [request_id for request_id, name in names.items() if name not in over]
        told = relayer.hear(asked) if asked else {}
        VenueEvent.objects.bulk_create(
            [
                VenueEvent(
                    intent_id=waiting[request_id].intent_id,
                    tracking_id=names[request_id],
                    seq=0,
                    kind=each.heard,
                    payload={"requestId": request_id, "transactionHash": each.transaction_hash},
                )
                for request_id, each in told.items()
                if each.heard != Heard.IN_FLIGHT
            ],
            ignore_conflicts=True,
        )

    def find(self, intent: Intent) -> Outcome:
        """What the exec nonce and the effect prove; where nothing is proven, what may be done about it."""
        kept = intent.payload
        sent = _Sent(intent)
        state = exec_nonce_state(account=kept["signer"], exec_nonce=int(intent.nonce), chain_id=int(kept["chain_id"]))
        if isinstance(state, NotTold):
            return Unknown(f"nonce_{state.reason}", may_resubmit=not sent.voids and not sent.is_under_way)
        if isinstance(state, Used):
            order = order_of(intent)
            consumed = sent.consumed(state.block_time_s - _first_seen(intent, state.block_time_s))
            return self._actions[way_of(order)].outcome(order, intent, consumed)
        if sent.voids:
            return Unknown("being_voided", may_resubmit=False, may_void=sent.is_void_due)
        if sent.is_under_way and clock.now() < intent.deadline:
            return Accepted()
        if sent.is_refused:
            return Unknown("reverted", may_resubmit=False, may_void=True)
        return Unknown("not_executed", may_void=True)


class _Sent:
    """All submissions of an intent, with what was heard of each."""

    def __init__(self, intent: Intent) -> None:
        attempts = list(Attempt.objects.filter(intent=intent).order_by("number"))
        events = VenueEvent.objects.filter(intent=intent).exclude(kind=NONCE_USED)
        self._heard = {event.tracking_id: event for event in events}
        self.orders = [attempt for attempt in attempts if Attempt.VOID not in attempt.detail]
        self.voids = [attempt for attempt in attempts if Attempt.VOID in attempt.detail]

    @property
    def is_under_way(self) -> bool:
        """Whether the relayer still has one of the order's, or our node may not show yet what became of it."""
        return any(self._is_open(attempt) for attempt in self.orders)

    @property
    def is_refused(self) -> bool:
        """Whether its only submission was refused or reverted: the same bytes would be again."""
        if len(self.orders) != 1:
            return any(self._kind(attempt) == Heard.REVERTED for attempt in self.orders)
        only = self.orders[0]
        is_refused = only.http_status is not None and only.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
        is_final = only.http_status not in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        return self._kind(only) == Heard.REVERTED or (is_refused and is_final)

    @property
    def is_void_due(self) -> bool:
        """Whether the void may go again: not while the relayer has one, and with pauses that grow."""
        pause = dt.timedelta(seconds=min(2 ** len(self.voids), LONGEST_PAUSE_S))
        is_open = any(self._is_open(attempt) for attempt in self.voids[-1:])
        waited = clock.now() - self.voids[-1].started_at
        return waited > pause and (not is_open or waited > dt.timedelta(seconds=LONGEST_PAUSE_S))

    def consumed(self, waited_s: int) -> Consumed:
        """For whoever judges by the effect."""
        finalised = [attempt for attempt in self.voids if self._kind(attempt) == Heard.FINALISED]
        hashes = [str(event.payload.get("transactionHash", "")) for event in self._heard.values()]
        return Consumed(
            waited_s=waited_s,
            is_void_possible=bool(self.voids),
            is_void_likely=bool(finalised),
            is_reverted=self.is_refused,
            transaction_hash=next(filter(None, hashes), ""),
        )

    def _is_open(self, attempt: Attempt) -> bool:
        event = self._heard.get(_event_id(attempt)) if attempt.tracking_id else None
        if event is None:
            return bool(attempt.tracking_id)
        is_in_block = event.kind == Heard.FINALISED or (event.kind == Heard.REVERTED and len(self.orders) > 1)
        return is_in_block and clock.now() - event.received_at < PATIENCE

    def _kind(self, attempt: Attempt) -> str:
        event = self._heard.get(_event_id(attempt)) if attempt.tracking_id else None
        return event.kind if event else ""


def _send(intents: Sequence[Intent], what: str, start_by: float | None) -> None:
    attempts = {intent.nonce: take(intent, is_void=what == Attempt.VOID) for intent in intents}
    relays = [Relay(intent.nonce, intent.payload["trader"], intent.payload[what], start_by) for intent in intents]

    def keep(nonce: str, answer: Answer) -> None:
        _keep_answer(attempts[nonce], answer)

    relayer.post_all(relays, keep)


def _keep_answer(attempt: Attempt, answer: Answer) -> None:
    """The request id is committed before anybody asks about it."""
    detail: dict[str, Any] = {**attempt.detail, **({"error": answer.error} if answer.error else {})}
    Attempt.objects.filter(pk=attempt.pk).update(
        outcome=answer.outcome,
        tracking_id=answer.tracking_id,
        http_status=answer.http_status,
        finished_at=clock.now(),
        detail=detail,
    )
    if answer.http_status is not None:
        alarms.raise_alarm(alarms.Kind.REFUSED, f"relayer HTTP {answer.http_status}", answer.error)
        log.warning("relayer_refused", status=answer.http_status, intent_id=attempt.intent_id)


def _after_sending(intent: Intent) -> Outcome:
    is_taken = Attempt.objects.filter(intent=intent).exclude(tracking_id="").exists()
    return Accepted() if is_taken else Unknown(last(intent).outcome or "no_answer")


def _event_id(attempt: Attempt) -> str:
    """Ours: nobody promises that a relayer's ids are told apart from another service's."""
    return f"relay:{attempt.pk}"


def _first_seen(intent: Intent, block_time_s: int) -> int:
    """The block's time at which the nonce was first seen as used, kept with the intent."""
    event, _ = VenueEvent.objects.get_or_create(
        tracking_id=f"nonce:{intent.pk}",
        seq=0,
        defaults={"intent": intent, "kind": NONCE_USED, "payload": {"blockTimestamp": block_time_s}},
    )
    return int(event.payload["blockTimestamp"])
