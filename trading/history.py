"""Moving orders from state to state: the conditional update, its event, and the metrics, always together."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg2.extras import Json, execute_values

from trading.models import Order, OrderEvent
from trading.order_state import TERMINAL, OrderState, require_transition
from vanta import clock, metrics, tracing

_INSERT_EVENTS = """
    INSERT INTO trading_orderevent (order_id, sequence, from_state, to_state, detail, trace_id, at)
    SELECT v.order_id, 1 + (SELECT count(*) FROM trading_orderevent e WHERE e.order_id = v.order_id),
           v.from_state, v.to_state, v.detail::jsonb, v.trace_id, v.at
    FROM (VALUES %s) AS v (order_id, from_state, to_state, detail, trace_id, at)
"""


def record_draft(order: Order) -> None:
    """The first event of a new order."""
    OrderEvent.objects.create(order=order, sequence=1, to_state=OrderState.DRAFT, trace_id=order.trace_id)


def transition(order: Order, following: OrderState, detail: Mapping[str, Any] | None = None, **changes: Any) -> bool:
    """Move one order; see `transition_all`."""
    return bool(transition_all([order], following, {order.pk: dict(detail or {})}, **changes))


def transition_all(
    orders: Sequence[Order],
    following: OrderState,
    details: Mapping[int, Mapping[str, Any]] | None = None,
    **changes: Any,
) -> list[Order]:
    """Move each order whose row still is in the state that the object has; the others are left out of the answer.

    All of `orders` are in one state. Writes the event in the caller's transaction. Raises IllegalTransition.
    """
    if not orders:
        return []
    current = OrderState(orders[0].state)
    require_transition(current, following)
    now = clock.now()
    if following in TERMINAL:
        changes.setdefault("ended_at", now)
    claimed = set(_update(orders, current, following, changes))
    moved = [order for order in orders if order.pk in claimed]
    _insert_events(moved, current, following, details or {}, now)
    for order in moved:
        order.state = following
        for name, value in changes.items():
            setattr(order, name, value)
        metrics.orders.labels(following, order.mode).inc()
    return moved


def _update(orders: Sequence[Order], current: OrderState, following: OrderState, changes: dict[str, Any]) -> list[int]:
    names = ["state", *changes]
    assignments = ", ".join(f'"{name}" = %s' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE trading_order SET {assignments} WHERE id = ANY(%s) AND state = %s RETURNING id",  # noqa: S608
            [following, *map(_as_column, changes.values()), [order.pk for order in orders], current],
        )
        return [row[0] for row in cursor.fetchall()]


def _as_column(value: Any) -> Any:
    return Json(value) if isinstance(value, dict) else value


def _insert_events(
    orders: Sequence[Order],
    current: OrderState,
    following: OrderState,
    details: Mapping[int, Mapping[str, Any]],
    now: Any,
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
