"""The page of /settings: what is set now, what each choice does, a button for each. HTML of the Bot API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.buffers import REDUCED_SHARE
from trading.models.positions import calm_share
from trading.models.traders import BufferAction
from trading.telegram.cards import Payload, text
from vanta.money import ZERO, format_number, format_percent, format_usd

OFFERED_CAPS_USD = (Decimal(50), Decimal(100), Decimal(500))
CHOSEN_MARK = "✅ "


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting: its lines, and rows of (label, what to type after `/settings`) for its buttons."""

    lines: Sequence[str]
    rows: Sequence[Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class BufferChoice:
    """What a trader has chosen for positions close to liquidation; the cap is zero where no margin is added."""

    action: BufferAction
    cap_usd: Decimal = ZERO

    @property
    def words(self) -> str:
        """What is typed, and tapped, to choose it."""
        return f"buffer add {self.cap_usd.normalize():f}" if self.cap_usd else f"buffer {_TYPED[self.action]}"


TELL, REDUCE = BufferChoice(BufferAction.NONE), BufferChoice(BufferAction.REDUCE)
_TYPED = {BufferAction.NONE: "alert", BufferAction.REDUCE: "reduce"}


def page(settings: Iterable[Shown], *, is_saved: bool = False) -> Payload:
    """All settings under one another; every button says by its data what could be typed."""
    shown = list(settings)
    head = "✅ Saved.\n\n⚙️ <b>Settings</b>" if is_saved else "⚙️ <b>Settings</b>"
    body = "\n\n".join([head, *("\n".join(each.lines) for each in shown)])
    return text(body, *(_tapped(row) for each in shown for row in each.rows))


def _tapped(row: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, f"settings:{words.replace(' ', ':')}") for label, words in row]


def buffer(chosen: BufferChoice, *, buffer_pct: Decimal, free_usd: Decimal) -> Shown:
    """What is done when a position comes close to liquidation."""
    near, left = format_percent(buffer_pct, 1), format_percent(calm_share(buffer_pct), 1)
    lines = [
        "🛟 <b>Close to liquidation</b>",
        f"Now: <b>{buffer_now(chosen)}</b>.",
        "",
        f"A position is close when the price is in the last {near} of the way from entry to liquidation. You are "
        "always told, once an approach. A DRY position can have more done to it then:",
        "• <i>Only tell me</i>: nothing else.",
        f"• <i>Halve it</i>: closes {format_percent(REDUCED_SHARE, 0)} of it at the price of then. What you can still "
        "lose halves; liquidation stays where it is.",
        f"• <i>Add up to …</i>: moves free balance into it until {left} of the way is left: all that takes or nothing, "
        f"and never more than your cap for one position over its life. {format_usd(free_usd)} USDC are free.",
        "Another cap: <code>/settings buffer add 50</code>",
    ]
    caps = sorted({*OFFERED_CAPS_USD, *([chosen.cap_usd] if chosen.cap_usd else [])})
    first = [_button("Only tell me", TELL, chosen), _button("Halve it", REDUCE, chosen)]
    adding = [_button(f"Add up to {format_number(cap)}", _adding(cap), chosen) for cap in caps]
    return Shown(lines, [first, adding[:2], adding[2:]])


def buffer_now(chosen: BufferChoice) -> str:
    """The choice in words, for the page and for the toast; plain text."""
    if chosen.action == BufferAction.ADD_MARGIN:
        return f"margin is added, up to {_exactly(chosen.cap_usd)} USDC for one position"
    if chosen.action == BufferAction.REDUCE:
        return f"{format_percent(REDUCED_SHARE, 0)} of the position is closed"
    return "you are only told"


def _adding(cap_usd: Decimal) -> BufferChoice:
    return BufferChoice(BufferAction.ADD_MARGIN, cap_usd.normalize())


def _exactly(amount_usd: Decimal) -> str:
    """In cents where that says it all."""
    return format_usd(amount_usd) if amount_usd == round(amount_usd, 2) else format_number(amount_usd)


def _button(label: str, choice: BufferChoice, chosen: BufferChoice) -> tuple[str, str]:
    return (f"{CHOSEN_MARK}{label}" if choice == chosen else label), choice.words
