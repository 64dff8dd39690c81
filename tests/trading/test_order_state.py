"""The table of legal transitions, in Python and in PostgreSQL, and history that nobody rewrites."""

from itertools import product
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Model
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_order
from trading import history
from trading.errors import IllegalTransition
from trading.models import Fill, Intent, LedgerEntry, LedgerTransaction, Order, OrderEvent
from trading.order_state import IN_FLIGHT, PENDING, TERMINAL, TRANSITIONS, OrderState, require_transition
from vanta.money import ONE

S = OrderState


def test_every_state_is_in_the_table_and_none_follows_itself() -> None:
    assert set(TRANSITIONS) == set(OrderState)
    assert all(state not in following for state, following in TRANSITIONS.items())


def test_denied_and_ended_orders_stay_so() -> None:
    assert {S.DENIED, S.FILLED, S.REJECTED, S.CANCELED, S.EXPIRED} == TERMINAL


def test_pending_orders_are_those_decided_and_not_ended() -> None:
    assert set(OrderState) - TERMINAL - {S.DRAFT} == PENDING
    assert IN_FLIGHT < PENDING


def test_what_was_submitted_never_becomes_a_draft_or_approved_again() -> None:
    sent = set(OrderState) - {S.DRAFT, S.APPROVED, S.DENIED}
    assert not any(TRANSITIONS[state] & {S.DRAFT, S.APPROVED, S.DENIED} for state in sent)


def test_an_unknown_order_can_still_turn_out_to_be_anything() -> None:
    assert TRANSITIONS[S.UNKNOWN] >= TERMINAL - {S.DENIED}


@given(st.lists(st.sampled_from(OrderState), max_size=12))
def test_no_walk_through_the_table_leaves_a_terminal_state(path: list[OrderState]) -> None:
    state = S.DRAFT
    for following in path:
        try:
            require_transition(state, following)
        except IllegalTransition:
            continue
        assert state not in TERMINAL
        state = following


@pytest.mark.django_db
def test_postgresql_allows_exactly_what_the_table_allows() -> None:
    allowed = set()
    for current, following in product(OrderState, OrderState):
        order = make_order(state=current)
        try:
            with transaction.atomic():
                Order.objects.filter(pk=order.pk).update(state=following)
        except IntegrityError:
            continue
        if current != following:
            allowed.add((current, following))
    assert allowed == {(current, following) for current in TRANSITIONS for following in TRANSITIONS[current]}


@pytest.mark.django_db
def test_a_transition_is_refused_before_the_database_is_asked() -> None:
    with pytest.raises(IllegalTransition):
        history.transition(make_order(), S.FILLED)


@pytest.mark.django_db
def test_a_stale_object_moves_nothing_and_writes_no_event() -> None:
    order = make_order()
    stale = Order.objects.get(pk=order.pk)
    assert history.transition(order, S.CANCELED, reason="canceled_by_trader")
    assert not history.transition(stale, S.APPROVED)
    assert list(order.events.values_list("sequence", "to_state")) == [(1, "DRAFT"), (2, "CANCELED")]


@pytest.mark.django_db
def test_an_ended_order_has_the_time_of_its_end() -> None:
    order = make_order()
    history.transition(order, S.CANCELED)
    order.refresh_from_db()
    assert order.ended_at is not None


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("model", [OrderEvent, Fill, LedgerTransaction, LedgerEntry])
def test_history_is_append_only(model: type[Model], change: str) -> None:
    order = make_order()  # has an event; its trader has a deposit in the ledger
    Fill.objects.create(
        order=order, position=_position(order), venue_fill_id="x", price=ONE, collateral_usd=ONE, notional_usd=ONE
    )
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(model._meta.db_table))


def _position(order: Order) -> Any:
    from_closing = make_order(kind="close", trader=order.trader, market=order.market)
    return from_closing.position


@pytest.mark.django_db
def test_an_order_has_one_intent() -> None:
    order = make_order()
    terms = {"payload": {}, "deadline": order.valid_until}
    Intent.objects.create(order=order, nonce="a", **terms)
    with pytest.raises(IntegrityError), transaction.atomic():
        Intent.objects.create(order=order, nonce="b", **terms)
    with pytest.raises(IntegrityError), transaction.atomic():
        Intent.objects.create(order=make_order(), nonce="a", **terms)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "nonsense",
    [{"collateral_usd": 0}, {"collateral_usd": -1}, {"leverage": "0.99"}, {"kind": "close", "position": None}],
)
def test_the_database_refuses_nonsense(nonsense: dict[str, Any]) -> None:
    order = make_order()
    with pytest.raises(DatabaseError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**nonsense)


@pytest.mark.django_db
def test_an_update_makes_one_draft() -> None:
    make_order(update_id=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_order(update_id=5)
