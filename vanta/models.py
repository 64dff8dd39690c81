"""The audit log's one table; `vanta.audit` alone writes it."""

from django.db import models
from django.db.models import Q


class AuditEntry(models.Model):
    """Who changed what, from what to what, and why. Append-only: triggers refuse UPDATE, DELETE and TRUNCATE."""

    seq = models.BigIntegerField(primary_key=True, help_text="Without gaps, from 1")
    created_at = models.DateTimeField()
    actor = models.TextField()
    action = models.TextField(db_index=True)
    subject = models.TextField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    trace_id = models.CharField(max_length=64, blank=True)
    previous_hmac = models.CharField(max_length=64, blank=True, help_text="The entry before; empty in the first")
    hmac = models.CharField(max_length=64, help_text="Over this entry and the one before")

    class Meta:
        ordering = ["-seq"]
        verbose_name_plural = "audit entries"
        constraints = [
            models.CheckConstraint(name="audit_seq_from_one", condition=Q(seq__gte=1)),
            models.CheckConstraint(name="audit_names_actor_and_action", condition=~Q(actor="") & ~Q(action="")),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.subject}"
