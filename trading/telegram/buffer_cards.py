"""The alert that a position has come close to liquidation, written when it is sent, so that its buttons are of now."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.models import Position
from trading.models.loading import with_market
from trading.models.traders import BufferAction
from trading.selectors import closings_of
from trading.telegram import cards
from trading.telegram.cards import Payload
from vanta.money import ONE, format_percent, format_price, format_usd

_DONE = {
    "reduced": "As you chose, half of it is being closed now. That halves what you can still lose, not the distance.",
    "halted": "You chose to have something done then, but trading is halted: nothing was done.",
    "market_closed": "You chose to have half of it closed then, but the market is closed: nothing was done.",
    "refused": "You chose to have half of it closed then, but that was refused: nothing was done.",
    "added": "As you chose, <b>{amount} USDC</b> of margin was added: liquidation is further away now.",
    "over_cap": "Leaving the buffer takes {amount} USDC of margin, more than you allowed: nothing was added.",
    "no_balance": "Leaving the buffer takes {amount} USDC of margin, more than is free: nothing was added.",
    "over_day": "Leaving the buffer takes {amount} USDC of margin, more than today may still lose: nothing was added.",
    "not_possible": "Margin cannot take it out of the buffer here: nothing was added.",
    "being_closed": "It is being closed already.",
    "none": "Nothing was done to it.",
}
CHOSEN = {
    BufferAction.REDUCE: "From now on half of a position is closed when it comes close to liquidation.",
    BufferAction.ADD_MARGIN: "From now on margin is added when a position comes close to liquidation, up to your cap.",
    BufferAction.NONE: "From now on you are only told.",
}


def alert(payload: Mapping[str, Any]) -> Payload:
    """`payload` names the position, the mark that was in the buffer, and what was done."""
    held = Position.objects.filter(pk=payload["position"])
    position = with_market(held, "trader").get()
    mark = Decimal(payload["mark"])
    whole = abs(position.entry_price - position.liquidation_price)
    left = abs(mark - position.liquidation_price)
    beyond = (mark - position.liquidation_price) * (position.entry_price - position.liquidation_price) <= 0
    distance = (
        "reached"
        if beyond
        else f"{format_percent(left / mark, 3)} away, {format_percent(left / whole, 1)} of the way left"
    )
    lines = [
        f"⚠️ <b>Close to liquidation</b>  ·  #{position.pk}",
        cards.heading(position),
        "",
        f"Mark  <b>{format_price(mark)}</b>  (entry {format_price(position.entry_price)})",
        f"Liquidation  <b>{format_price(position.liquidation_price)}</b>  ({distance})",
        f"At stake  {format_usd(position.collateral_usd)} USDC of collateral",
        f"<i>You are told below {format_percent(position.buffer_pct, 1)} of the distance, once an approach.</i>",
        "",
        _DONE.get(str(payload["done"]), _DONE["none"]).format(amount=format_usd(Decimal(payload["amount_usd"]))),
    ]
    lines.append("/settings says what is done then, and changes it.")
    return cards.text("\n".join(lines), *_buttons(position))


def _buttons(position: Position) -> list[list[tuple[str, str]]]:
    chosen = position.trader.buffer_action
    cap = max(ONE, position.collateral_usd.to_integral_value())
    choices = {
        BufferAction.NONE: ("Only tell me from now on", "buffer:none"),
        BufferAction.REDUCE: ("Halve it for me from now on", "buffer:reduce"),
        BufferAction.ADD_MARGIN: (f"Add margin from now on, {cap} USDC at most", f"buffer:add_margin:{cap}"),
    }
    others = [[button] for action, button in choices.items() if action != chosen]
    if position.status != Position.Status.OPEN:
        return others
    seen = closings_of(position)  # a tap counts for the position as this alert shows it
    closings = [("Close 50%", "50"), ("Close all", "100")]
    return [[(label, f"close:{position.pk}:{share}:{seen}") for label, share in closings], *others]
