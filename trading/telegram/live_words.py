"""What is said about openings with real money: why they are refused, and why they ended."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from vanta.money import format_usd


def _usd(numbers: Mapping[str, Any], name: str) -> str:
    return f"{format_usd(Decimal(numbers[name]))} USDC" if name in numbers else "—"


def _whole_hours(numbers: Mapping[str, Any]) -> int:
    """Rounded down: what is too short never reads as if it were long enough; 0 where it has ended."""
    return max(int(Decimal(numbers.get("measured", "0"))), 0)


DENIALS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "live_switched_off": lambda _: (
        "LIVE has been switched off since this preview. Send the order again to open it DRY."
    ),
    "no_delegate": lambda _: "No wallet is connected for trading. /connect it first; until then you trade DRY.",
    "delegate_expires_soon": lambda n: (
        f"Your wallet's permission ends in {_whole_hours(n)} h; openings need 24. /connect again."
    ),
    "live_not_confirmed": lambda _: "It was not confirmed as real money. Send the order again and tap both times.",
    "books_disputed": lambda _: (
        "The venue's books differ from ours. No openings until an admin has looked at it. Closing works."
    ),
    "chain_disagrees": lambda _: (
        "The chain says otherwise than the venue about your wallet or one of your fills. No openings until an admin "
        "has looked at it. Closing works."
    ),
    "allowance": lambda n: (
        f"You allow the venue {_usd(n, 'limit')}; this needs {_usd(n, 'measured')}. Allow more on the page that "
        "/connect leads to, then tap Refresh in /wallet."
    ),
    "venue_refuses": lambda _: (
        "The venue refuses our orders at the moment; admins have been told. Closing may work in its own app."
    ),
    "canary": lambda n: f"Notional {_usd(n, 'measured')} is above the {_usd(n, 'limit')} that one LIVE order may have.",
}

REASONS = {
    "live_switched_off": "LIVE was switched off before it left. Nothing was sent.",
    "no_delegate": "Vanta has no permission to trade for your wallet any more. Nothing was sent. /connect it again, "
    "or close in the venue's own app.",
    "venue_changed": "The venue is not what it was; admins have been told. Nothing was sent.",
    "message_differs": "The message was not what you ordered, so it was not signed. Admins have been told.",
    "position_not_at_venue": "The venue does not know this position. Admins have been told.",
    "no_price_update": "The venue's price feed did not answer. Nothing was sent. Please try again.",
    "reverted_by_venue": "The venue declined it. Nothing was moved, and it is proven that nothing will be.",
    "venue_refused": "The venue refused it. Nothing was changed; admins have been told.",
    "canceled_by_venue": "The venue declined it (most often: the price moved too far). Nothing was changed.",
}
