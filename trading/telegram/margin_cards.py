"""What a move of margin would make of a position, to be tapped; and which position is meant. HTML of the Bot API."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from trading.models import Position
from trading.models.traders import Mode
from trading.services import decisions
from trading.services.margin_moves import Preview
from trading.telegram import cards, denial_words
from trading.telegram.cards import Payload
from vanta.money import ZERO, format_number, format_price, format_usd

CENT = Decimal("0.01")


def preview(shown: Preview, amount_usd: Decimal) -> Payload:
    """The question whether it is meant, or why it would be denied and what would not be."""
    position, after = shown.position, shown.after
    if not shown.decision.approved:
        return _denied(shown, amount_usd)
    is_addition = amount_usd > ZERO
    verb = "Add" if is_addition else "Withdraw"
    leverage = after.notional_usd / after.collateral_usd
    lines = [
        f"{'➕' if is_addition else '➖'} <b>{verb} {format_usd(abs(amount_usd))} USDC of margin?</b>",
        f"{cards.heading(position)}  ·  #{position.pk}",
        "",
        f"Collateral  <b>{format_usd(after.collateral_usd)}</b> USDC  (now {format_usd(position.collateral_usd)})",
        f"Leverage  <b>{_times(leverage)}</b>  (now {_times(position.leverage)})",
        f"Liquidation  <b>{format_price(after.liquidation_price)}</b>  "
        f"(now {format_price(position.liquidation_price)})",
    ]
    if position.mode == Mode.LIVE:
        lines += ["", "💵 Real money, " + ("from your wallet." if is_addition else "to your wallet.")]
    label = f"{'💵' if position.mode == Mode.LIVE else '✅'} {verb} {format_usd(abs(amount_usd))} USDC"
    return cards.text("\n".join(lines), [(label, f"margin:{position.pk}:{_typed(amount_usd)}:{shown.seen}")])


def _denied(shown: Preview, amount_usd: Decimal) -> Payload:
    decision = decisions.as_json(shown.decision)
    most = (shown.decision.max_collateral_usd or ZERO).quantize(CENT, ROUND_FLOOR)
    lines = ["⛔ <b>Denied</b>", f"{cards.heading(shown.position)}  ·  #{shown.position.pk}", ""]
    lines.append(denial_words.denials(decision, ""))
    if most <= ZERO:
        return cards.text("\n".join(lines))
    signed = most if amount_usd > ZERO else -most
    lines.append(f"\nAt most {format_usd(most)} USDC would pass.")
    button = (f"Preview {_typed(signed)} USDC", f"margin_for:{shown.position.pk}:{_typed(signed)}")
    return cards.text("\n".join(lines), [button])


def choose(positions: Sequence[Position], amount_usd: Decimal) -> Payload:
    """A button for each position that may be meant."""
    typed = _typed(amount_usd)
    rows = [
        [(f"#{each.pk} {each.side} {_times(each.leverage)} · {each.mode}", f"margin_for:{each.pk}:{typed}")]
        for each in positions
    ]
    return cards.text(f"Which position? <b>{typed} USDC</b> of margin.", *rows)


def _typed(amount_usd: Decimal) -> str:
    return f"{'+' if amount_usd > ZERO else '-'}{format_number(abs(amount_usd).normalize()).replace(',', '')}"


def _times(leverage: Decimal) -> str:
    return f"{format_number(leverage.quantize(CENT).normalize())}x"
