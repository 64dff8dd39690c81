"""What the admins are told of, where no other row remembers it."""

from django.db import models
from django.db.models import F, Q


class Alert(models.Model):
    """Something that lasts and that admins are told of, once when it has lasted and once when it is over.

    The row is written when it is first noticed, and forgotten where it is over before anybody was told. It is a row and
    no mark in Redis, because it has to be written together with the messages, and Redis may be what is broken.
    """

    class Kind(models.TextChoices):
        PRICE_STREAM = "price_stream", "price stream"

    kind = models.CharField(max_length=40, choices=Kind.choices)
    detail = models.CharField(max_length=300, blank=True, help_text="As it was when it was told, or first noticed")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    told_begin_at = models.DateTimeField(null=True, blank=True, help_text="When the admins' message was owed")
    told_end_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(ended_at__isnull=True), name="one_open_alert_a_kind"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")), name="alert_ends_after_it_began"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} since {self.began_at:%Y-%m-%d %H:%M:%S}"
