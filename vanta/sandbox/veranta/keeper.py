"""What the venue does by itself at every price: liquidates, takes profit, stops, and fills resting orders."""

from __future__ import annotations

from vanta.sandbox.veranta import resting
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import Fill, close_position
from vanta.sandbox.veranta.positions import PARTIAL_TP, OpenPosition, RestingOrder, Trigger
from vanta.sandbox.veranta.pricing import mark_price, moved, pair_of
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.world import World


def watch(world: World) -> None:
    """From now on every move of a price is acted on."""
    world.market.listeners.append(lambda _: act(world))


def act(world: World) -> None:
    """Carries out whatever the present prices have reached."""
    for position in tuple(world.exchange.positions):
        if not _is_closed(world, position.pair_index):
            _tend(world, position)
    for order in tuple(world.exchange.resting):
        if not _is_closed(world, order.pair_index):
            _try_to_fill(world, order)


def _is_closed(world: World, pair_index: int) -> bool:
    spec = world.listing.by_index.get(pair_index)
    return spec is None or spec.price_symbol in world.closed_markets


def _tend(world: World, position: OpenPosition) -> None:
    mark = mark_price(world, pair_of(world, position.pair_index))
    if _is_at_or_below(position, mark, position.liquidation_price):
        liquidate(world, position, mark)
    elif position.stop_loss and _is_at_or_below(position, mark, position.stop_loss):
        close_by_venue(world, position, "stop_loss")
    elif position.take_profit and not _is_at_or_below(position, mark, position.take_profit, strictly=True):
        close_by_venue(world, position, "take_profit")
    else:
        _pull_triggers(world, position, mark)


def _is_at_or_below(position: OpenPosition, mark: int, level: int, *, strictly: bool = False) -> bool:
    """Whether a price is on the losing side of a level, or at it."""
    distance = mark - level if position.is_long else level - mark
    return distance < 0 if strictly else distance <= 0


def _pull_triggers(world: World, position: OpenPosition, mark: int) -> None:
    for trigger in tuple(position.triggers):
        is_losing = _is_at_or_below(position, mark, position.trigger_price(trigger))
        is_gain = trigger.order_type == PARTIAL_TP
        is_reached = not _is_at_or_below(position, mark, position.trigger_price(trigger), strictly=True)
        if (is_reached if is_gain else is_losing) and position.collateral:
            position.triggers.remove(trigger)
            close_by_venue(world, position, "take_profit" if is_gain else "stop_loss", trigger)


def liquidate(world: World, position: OpenPosition, price: int, reason: str = "liquidation") -> Fill:
    """Closes all of a position; nothing is paid out."""
    cause = Cause(position.trader, reason=reason)
    return close_position(world, cause, position, position.collateral, kind="liquidation", price=price)


def close_by_venue(
    world: World, position: OpenPosition, kind: str, trigger: Trigger | None = None, price: int | None = None
) -> Fill:
    """Closes a position, or a trigger's part of it, at the present price or at a given one."""
    spec = pair_of(world, position.pair_index)
    amount = position.collateral
    if trigger is not None:
        amount = min(amount * trigger.coin_size // position.coins, amount)
    if price is None:
        mark = mark_price(world, spec)
        price = moved(spec, mark, is_buying=not position.is_long, notional=position.notional)
    fill = close_position(world, Cause(position.trader, reason=kind), position, amount, kind=kind, price=price)
    if trigger is not None:
        fill.effect["detail"] = {"entityId": trigger.entity_id}
    return fill


def _try_to_fill(world: World, order: RestingOrder) -> None:
    if not order.is_reached(mark_price(world, pair_of(world, order.pair_index))):
        return
    try:
        resting.fill(world, order, Cause(order.trader, reason="limit"))
    except (Canceled, Reverted):
        # The price is worse than the order allows, or a level does not fit it: the order goes on resting.
        return
