"""The boundaries of what an opening with real money needs besides."""

from dataclasses import replace
from decimal import Decimal

from risk.checks import AccountSnapshot
from tests.risk.boundaries import Row
from tests.risk.cases import ACCOUNT, LIVE

D = Decimal


def live(**changes: object) -> dict[str, AccountSnapshot]:
    """An account whose opening is LIVE, with all that this needs but for `changes`."""
    return {"account": replace(ACCOUNT, live=replace(LIVE, **changes))}  # type: ignore[arg-type]


ROWS = (
    Row(
        "live_switched_off",
        live(),
        live(is_switched_on=False),
        "• LIVE has been switched off since this preview. Send the order again to open it DRY.",
    ),
    Row(
        "no_delegate",
        live(),
        live(delegate_hours_left=None),
        "• No wallet is connected for trading. /connect it first; until then you trade DRY.",
    ),
    Row(
        "delegate_expires_soon",
        live(delegate_hours_left=D(24)),
        live(delegate_hours_left=D("23.99")),
        "• Your wallet's permission ends in 23 h; openings need 24. /connect again.",
    ),
    Row(
        "delegate_expires_soon",
        live(),
        live(delegate_hours_left=D("-0.1")),
        "• Your wallet's permission ends in 0 h; openings need 24. /connect again.",
        "at its end",
    ),
    Row(
        "live_not_confirmed",
        live(),
        live(is_confirmed=False),
        "• It was not confirmed as real money. Send the order again and tap both times.",
    ),
    Row(
        "books_disputed",
        live(),
        live(is_disputed=True),
        "• The venue's books differ from ours. No openings until an admin has looked at it. Closing works.",
    ),
    Row(
        "chain_disagrees",
        live(),
        live(is_chain_disputed=True),
        (
            "• The chain says otherwise than the venue about your wallet or one of your fills. "
            "No openings until an admin has looked at it. Closing works."
        ),
    ),
    Row(
        "venue_refuses",
        live(),
        live(is_refused=True),
        "• The venue refuses our orders at the moment; admins have been told. Closing may work in its own app.",
    ),
    Row(
        "canary",
        live(max_notional_usd=D(1000)),
        live(max_notional_usd=D("999.99")),
        (
            "• Notional 1,000.00 USDC is above the 999.99 USDC that one LIVE order may have.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.99x"
        ),
    ),
    Row(
        "allowance",
        live(allowance_usd=D("100.45")),
        live(allowance_usd=D("100.44")),
        (
            "• You allow the venue 100.44 USDC; this needs 100.45 USDC. Allow more on the page that /connect leads to, "
            "then tap Refresh in /wallet.\n"
            "   ↳ passes up to 99.99 USDC of collateral, or up to 9.77x"
        ),
    ),
)
