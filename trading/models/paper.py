"""The paper venue's own journal, kept apart from Vanta's books as a real venue's would be."""

from django.db import models

from vanta import clock


class PaperExecution(models.Model):
    """What the paper venue did with a nonce; the first submission decides, every later one gets the same answer."""

    nonce = models.CharField(max_length=80, unique=True)
    result = models.JSONField()
    executed_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"paper execution {self.nonce}"
