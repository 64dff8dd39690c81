"""Double-entry bookkeeping: every movement of money is a transaction whose entries sum to zero."""

from django.db import models

from trading.models.fields import usd
from trading.models.orders import Order
from trading.models.traders import Mode, Trader
from vanta import clock


class LedgerTransaction(models.Model):
    """A reason for money to move. Append-only; a deferred trigger refuses entries that do not sum to zero."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        OPEN = "open"
        CLOSE = "close"
        LIQUIDATION = "liquidation"
        MARGIN = "margin"
        ESCROW = "escrow", "escrow of a resting order"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger_transactions"
    )
    # What it was made for, so that it can never be booked twice: `fill:…`, `deposit:…`.
    reference = models.CharField(max_length=120, unique=True)
    trace_id = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["at"], name="ledger_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class LedgerEntry(models.Model):
    """One side of a transaction; positive amounts flow into the account."""

    class Account(models.TextChoices):
        FREE = "free", "free balance"
        COLLATERAL = "collateral", "collateral of open positions"
        ESCROW = "escrow", "held by the venue for resting orders"
        FEES = "fees", "fees paid to the venue"
        ACCRUED = "accrued", "rollover and funding paid to the venue"
        PNL = "pnl", "the venue's side of realised PnL"
        DEPOSITS = "deposits", "money that came from outside"

    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.PROTECT, related_name="entries")
    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="ledger_entries")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    account = models.CharField(max_length=10, choices=Account.choices)
    amount_usd = usd()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_usd=0), name="ledger_amount_not_zero"),
        ]
        indexes = [models.Index(fields=["trader", "mode", "account"], name="ledger_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_usd}"
