"""Moving orders from state to state: the conditional update, its event, and the metrics, always together."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg2.extras import Json, execute_values

from trading.models import Order, OrderEvent
from trading.order_state import TERMINAL, OrderState, require_transition
from vanta import clock, metrics, tracing

Details = Mapping[int, Mapping[str, Any]]  # by order id

_INSERT_EVENTS = """
    INSERT INTO trading_orderevent (order_id, sequence, from_state, to_state, detail, trace_id, at)
    SELECT v.order_id, 1 + (SELECT count(*) FROM trading_orderevent e WHERE e.order_id = v.order_id),
           v.from_state, v.to_state, v.detail::jsonb, v.trace_id, v.at
    FROM (VALUES %s) AS v (order_id, from_state, to_state, detail, trace_id, at)
"""


def record_draft(order: Order) -> None:
    """The first event of a new order."""
    OrderEvent.objects.create(order=order, sequence=1, to_state=OrderState.DRAFT, trace_id=order.trace_id)


def record_same(order: Order, detail: Mapping[str, Any]) -> None:
    """What changed about an order that stays in its state, in the transaction that holds its trader's lock."""
    OrderEvent.objects.create(
        order=order,
        sequence=1 + OrderEvent.objects.filter(order=order).count(),
        from_state=order.state,
        to_state=order.state,
        detail=dict(detail),
        trace_id=order.trace_id,
    )


def transition(order: Order, following: OrderState, detail: Mapping[str, Any] | None = None, **changes: Any) -> bool:
    """Move one order; see `transition_all`."""
    return bool(transition_all([order], following, {order.pk: dict(detail or {})}, **changes))


def transition_all(
    orders: Sequence[Order],
    following: OrderState,
    details: Details | None = None,
    **changes: Any,
) -> list[Order]:
    """Move orders with the same `changes` for each; see `move_each`."""
    for order in orders:
        for name, value in changes.items():
            setattr(order, name, value)
    return move_each(orders, following, details, columns=tuple(changes))


def move_each(
    orders: Sequence[Order], following: OrderState, details: Details | None = None, *, columns: Sequence[str]
) -> list[Order]:
    """Move each order whose row still is in the state that the object has; the others are left out of the answer.

    All of `orders` are in one state. Stores what each object has in `columns`, and writes the events, in the caller's
    transaction. Raises IllegalTransition.
    """
    if not orders:
        return []
    current = OrderState(orders[0].state)
    require_transition(current, following)
    now = clock.now()
    if following in TERMINAL:
        columns = [*columns, "ended_at"]
        for order in orders:
            order.ended_at = now
    claimed = set(_update(orders, current, following, columns))
    moved = [order for order in orders if order.pk in claimed]
    _insert_events(moved, current, following, details or {}, now)
    for order in moved:
        order.state = following
        metrics.orders.labels(following, order.mode).inc()
    return moved


def _update(orders: Sequence[Order], current: OrderState, following: OrderState, columns: Sequence[str]) -> list[int]:
    assignments = "".join(f', "{name}" = v."{name}"::{_type(name)}' for name in columns)
    names = "".join(f', "{name}"' for name in columns)
    statement = (
        f"UPDATE trading_order o SET state = '{following.value}'{assignments} FROM (VALUES %s) AS v (id{names}) "  # noqa: S608
        f"WHERE o.id = v.id AND o.state = '{current.value}' RETURNING o.id"
    )
    rows = [(order.pk, *(_as_column(getattr(order, name)) for name in columns)) for order in orders]
    with connection.cursor() as cursor:
        return [row[0] for row in execute_values(cursor.cursor, statement, rows, fetch=True)]


def _type(column: str) -> str:
    return str(Order._meta.get_field(column).db_type(connection))


def _as_column(value: Any) -> Any:
    return Json(value) if isinstance(value, dict) else value


def _insert_events(
    orders: Sequence[Order],
    current: OrderState,
    following: OrderState,
    details: Details,
    now: dt.datetime,
) -> None:
    if not orders:
        return
    trace_id = tracing.current_trace_id()
    rows = [
        (
            order.pk,
            current,
            following,
            json.dumps(details.get(order.pk, {}), default=str),
            order.trace_id or trace_id,
            now,
        )
        for order in orders
    ]
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, _INSERT_EVENTS, rows)
