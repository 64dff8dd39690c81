"""What comes from Telegram (the inbox) and what goes to it (the outbox)."""

from django.db import models
from django.db.models import Q

from trading.models.orders import Order
from vanta import clock


class TelegramUpdate(models.Model):
    """An update as it came, stored before it is answered; its id makes every repetition harmless."""

    class Status(models.TextChoices):
        NEW = "new"
        DONE = "done"
        IGNORED = "ignored"
        FAILED = "failed"

    update_id = models.BigIntegerField(primary_key=True)
    chat_id = models.BigIntegerField(default=0)
    user_id = models.BigIntegerField(default=0)
    payload = models.JSONField()
    trace_id = models.CharField(max_length=32)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(default=clock.now)
    handled_at = models.DateTimeField(null=True, blank=True)
    # A tap that stops or closes is handled while the broker is away; the rest waits for it.
    is_urgent = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["update_id"], condition=Q(status="new"), name="update_new")]

    def __str__(self) -> str:
        return f"update {self.update_id} {self.status}"


class OutboxMessage(models.Model):
    """One call of the Bot API that is owed to a chat; a chat's rows are sent in order, a remaining row is the retry."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        DEAD = "dead"
        SUPERSEDED = "superseded"

    chat_id = models.BigIntegerField()
    method = models.CharField(max_length=40)
    payload = models.JSONField()
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.PROTECT, related_name="messages")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)
    last_error = models.CharField(max_length=300, blank=True)
    telegram_message_id = models.BigIntegerField(null=True, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["chat_id", "id"], condition=Q(status="pending"), name="outbox_chat"),
            models.Index(fields=["next_attempt_at"], condition=Q(status="pending"), name="outbox_due"),
        ]

    def __str__(self) -> str:
        return f"{self.method} to {self.chat_id} {self.status}"
