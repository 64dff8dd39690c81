"""What was found broken between the books."""

from django.db import models
from django.db.models import Q

from vanta import clock


class InvariantLook(models.Model):
    """One look at the invariants, and the newest row of each growing table that it saw."""

    at = models.DateTimeField(default=clock.now)
    is_whole = models.BooleanField(help_text="At everything, and not only at what was written lately.")
    is_clean = models.BooleanField(help_text="Nothing was broken.")
    newest = models.JSONField(default=dict, help_text="The highest id of each growing table.")

    class Meta:
        indexes = [models.Index(fields=["at"], name="invariant_look_at")]

    def __str__(self) -> str:
        return f"{'whole ' if self.is_whole else ''}look at {self.at}, {'clean' if self.is_clean else 'broken'}"


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
