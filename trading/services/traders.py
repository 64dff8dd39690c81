"""Who a chat belongs to: registering on first contact, and the DRY account that everybody starts with."""

from decimal import Decimal

from django.conf import settings
from django.db import transaction

from trading.models import Account, LedgerEntry, LedgerTransaction, Trader
from trading.models.traders import BufferAction, Mode
from vanta.money import ZERO


def register_trader(*, telegram_id: int, chat_id: int, username: str = "", first_name: str = "") -> Trader:
    """The trader with this Telegram id, made on first contact with a DRY account and its paper balance."""
    trader = Trader.objects.filter(telegram_id=telegram_id).first()
    if trader is not None:
        return trader
    with transaction.atomic():
        trader, created = Trader.objects.get_or_create(
            telegram_id=telegram_id,
            defaults={"chat_id": chat_id, "username": username[:64], "first_name": first_name[:64]},
        )
        if created:
            deposit(trader=trader, mode=Mode.DRY, amount_usd=settings.DRY_STARTING_BALANCE_USD, reference="start")
    return trader


def choose_buffer_action(*, trader: Trader, action: BufferAction, cap_usd: Decimal = ZERO) -> None:
    """Keep what the trader wants done when a position of theirs comes close to liquidation.

    `cap_usd` is how much margin may be added to one position; adding needs one above zero, else IntegrityError.
    """
    trader.buffer_action, trader.buffer_cap_usd = action, cap_usd
    trader.save(update_fields=["buffer_action", "buffer_cap_usd"])


@transaction.atomic
def deposit(*, trader: Trader, mode: str, amount_usd: Decimal, reference: str) -> None:
    """Credit an account with money from outside. A reference is booked once for a trader, else IntegrityError."""
    account, _ = Account.objects.select_for_update().get_or_create(trader=trader, mode=mode)
    booking = LedgerTransaction.objects.create(
        kind=LedgerTransaction.Kind.DEPOSIT, reference=f"deposit:{trader.pk}:{mode}:{reference}"
    )
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(transaction=booking, trader=trader, mode=mode, account=name, amount_usd=amount)
            for name, amount in (
                (LedgerEntry.Account.FREE, amount_usd),
                (LedgerEntry.Account.DEPOSITS, -amount_usd),
            )
        ]
    )
    account.free_balance_usd += amount_usd
    account.save(update_fields=["free_balance_usd"])
