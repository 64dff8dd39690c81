"""Loading rows with what they refer to, without what nobody reads."""

from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def with_market(rows: QuerySet[M], *others: str) -> QuerySet[M]:
    """Each row with its market (and `others`), but for the venue's own snapshot: large, and only the feeds' to read."""
    return rows.select_related("market", *others).defer("market__venue_params")
