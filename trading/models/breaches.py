"""What was found broken between the books."""

from django.db import models
from django.db.models import Q

from vanta import clock


class InvariantBreach(models.Model):
    """A row that broke an invariant, from when it was found to when it was found no more."""

    code = models.CharField(max_length=40)
    subject = models.CharField(max_length=120, help_text="Which row broke it.")
    detail = models.CharField(max_length=300, help_text="As it was when it was found.")
    found_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "invariant breaches"
        constraints = [
            models.UniqueConstraint(
                fields=["code", "subject"], condition=Q(ended_at__isnull=True), name="one_open_breach_a_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.subject}"
