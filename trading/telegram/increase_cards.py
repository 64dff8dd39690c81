"""What cards say of increases: the position before, and as it would be or is. HTML of the Bot API."""

from decimal import Decimal

from risk import margin
from risk.margin import Side
from trading import increases, valuation
from trading.models import Fill, Order, Position
from vanta.money import format_number, format_percent, format_price, format_usd

LEVERAGE_SHOWN = Decimal("0.01")


def preview(order: Order) -> list[str]:
    """What is added, and what each number of the position was and becomes."""
    market, position = order.market, _position(order)
    after = increases.outlook(order, position)
    notional = order.collateral_usd * order.leverage
    fill = margin.fill_price_with_spread(
        side=Side(order.side), price=order.quoted_price, spread_rate=market.spread_rate
    )
    away = abs(order.quoted_price - after.liquidation_price) / order.quoted_price
    fee = "none" if market.is_upside else f"{format_usd(notional * market.open_fee_rate)}"
    lines = [
        f"➕ <b>Add {format_usd(order.collateral_usd)}</b> USDC to position #{position.pk}, "
        f"{format_usd(notional)} of notional",
        f"at ≈ <b>{format_price(fill)}</b>  (mark {format_price(order.quoted_price)}), open fee {fee}",
        "",
        _row("Collateral", format_usd(position.collateral_usd), format_usd(after.collateral_usd), " USDC"),
        _row("Notional", format_usd(position.notional_usd), format_usd(after.notional_usd)),
        _row("Leverage", _times(position.leverage), _times(after.leverage)),
        _row("Entry", format_price(position.entry_price), format_price(after.entry_price)),
        _row("Liquidation", format_price(position.liquidation_price), format_price(after.liquidation_price))
        + f"  ({format_percent(away)} away)",
        loss(order),
    ]
    if order.take_profit is not None:
        lines.append(f"Take-profit  {format_price(order.take_profit)}, as before")
    return lines


def loss(order: Order) -> str:
    """What the whole position can lose, before and after."""
    position = _position(order)
    worst = increases.worst_loss_after(order, position)
    if position.stop_loss is None:
        return f"Stop  none: you can lose all of the position, <b>{format_usd(worst)}</b> USDC"
    before = format_usd(valuation.position_worst_loss(position))
    return f"Loss at stop {format_price(position.stop_loss)}  ≈ {before} → <b>{format_usd(worst)}</b> USDC"


def filled(order: Order, fill: Fill, position: Position) -> list[str]:
    """What was added, and what the position is now; the heading is the caller's."""
    lines = [
        f"✅ <b>Increased</b>  ·  order #{order.pk}",
        f"Added  <b>{format_usd(fill.collateral_usd)}</b> USDC at {format_price(fill.price)} "
        f"· notional {format_usd(fill.notional_usd)}",
        f"Fee  {format_usd(fill.fee_usd)} USDC",
        f"Position #{position.pk}  {format_usd(position.collateral_usd)} USDC at {_times(position.leverage)} "
        f"· notional {format_usd(position.notional_usd)}",
        f"Entry  <b>{format_price(position.entry_price)}</b>",
        f"Liquidation  <b>{format_price(position.liquidation_price)}</b>",
    ]
    if position.stop_loss is not None:
        lines.append(f"Stop  {format_price(position.stop_loss)}")
    return lines


def _position(order: Order) -> Position:
    if order.position is None:
        raise ValueError(f"order {order.pk} increases no position")
    return order.position


def _row(label: str, before: str, after: str, unit: str = "") -> str:
    return f"{label}  {before} → <b>{after}</b>{unit}"


def _times(leverage: Decimal) -> str:
    return f"{format_number(leverage.quantize(LEVERAGE_SHOWN).normalize())}x"
