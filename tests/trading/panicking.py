"""People who stop themselves, and what their message shows."""

from typing import Any

from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.people import Person, store
from trading import dispatcher
from trading.models import Order, Panic, TelegramUpdate
from trading.telegram import panic_cards, webhook

CLOSE, RESUME = "🧨 Close everything", "▶️ Resume trading"


def panic_of(person: Person) -> Panic:
    return Panic.objects.get(trader=person.trader)


def shown(person: Person) -> str:
    """The panic's message as it would be sent now."""
    return str(panic_cards.card(panic_of(person))["text"])


def labels(person: Person) -> list[str]:
    rows = panic_cards.card(panic_of(person)).get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def panics_and_closes(person: Person) -> Panic:
    """Both taps."""
    person.types("/panic")
    person.taps(f"panic:close:{panic_of(person).pk}")
    return panic_of(person)


def urgent(update: dict[str, Any]) -> None:
    """As the webhook stores it, and the dispatcher handles it while the broker is away."""
    row = store(update)
    TelegramUpdate.objects.filter(pk=row.pk).update(is_urgent=webhook._is_urgent(update))
    dispatcher.carry_out_urgent()


def closings(person: Person) -> list[Order]:
    return [order for order in person.orders if order.kind == "close"]


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.state, order.reason


def halt(to: TradingState = TradingState.HALTED) -> None:
    trading_state.change(to, actor="test", reason="a test")
