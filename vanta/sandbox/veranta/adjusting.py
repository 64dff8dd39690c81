"""Changes to an open position that are no fills: its margin, its take-profit and stop."""

from __future__ import annotations

from typing import Any

from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import check_funds
from vanta.sandbox.veranta.positions import PRICE_RAW, OpenPosition
from vanta.sandbox.veranta.pricing import check_leverage, check_triggers, corrected_take_profit, mark_price, pair_of
from vanta.sandbox.veranta.refusals import Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]
DEPOSIT, WITHDRAW = 0, 1


def update_margin(world: World, cause: Cause, position: OpenPosition, action: int, amount: int) -> Json:
    """Moves collateral between the wallet and a position whose notional stays; raises Reverted."""
    spec = pair_of(world, position.pair_index)
    if action not in {DEPOSIT, WITHDRAW} or amount <= 0:
        raise Reverted("InvalidMarginUpdate")
    collateral = position.collateral + (amount if action == DEPOSIT else -amount)
    if collateral <= 0:
        raise Reverted("WithdrawTooMuch")
    leverage = position.notional * PRICE_RAW // collateral
    check_leverage(spec, leverage)
    if action == DEPOSIT:
        check_funds(world, position.trader, amount)
        world.exchange.take(position.trader, amount)
    else:
        _check_withdrawal(position, mark_price(world, spec), amount)
        world.exchange.pay(position.trader, amount)
    position.collateral, position.leverage = collateral, leverage
    kind = "margin_deposit" if action == DEPOSIT else "margin_withdraw"
    paid_out = 0 if action == DEPOSIT else amount
    return world.exchange.journal.record(kind, cause, collateral=amount, paidOut=paid_out, **_place(position))


def _check_withdrawal(position: OpenPosition, mark: int, amount: int) -> None:
    loss = -min(position.profit(mark, position.collateral), 0)
    if loss * 100 >= (position.collateral - amount) * 85:
        raise Reverted("WithdrawTooMuch")


def update_tp_sl(world: World, cause: Cause, position: OpenPosition, take_profit: int, stop_loss: int) -> Json:
    """Sets both levels; 0 resets the take-profit to the largest gain and removes the stop. Raises Reverted."""
    spec = pair_of(world, position.pair_index)
    check_triggers(position, take_profit, 0, position.open_price)
    check_triggers(position, 0, stop_loss, mark_price(world, spec))
    position.take_profit = corrected_take_profit(spec, position, take_profit)
    position.stop_loss = stop_loss
    known = {"takeProfit": position.take_profit, "stopLoss": stop_loss}
    return world.exchange.journal.record("tp_sl", cause, **known, **_place(position))


def _place(position: OpenPosition) -> Json:
    return {
        "pairIndex": position.pair_index,
        "index": position.index,
        "isLong": position.is_long,
        "leverage": position.leverage,
        "openedAt": position.opened_at_s,
    }
