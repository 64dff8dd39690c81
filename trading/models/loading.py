"""Loading rows with what they refer to, without what nobody reads."""

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, QuerySet

from trading.models.traders import Trader

M = TypeVar("M", bound=Model)


def with_market(rows: QuerySet[M], *others: str) -> QuerySet[M]:
    """Each row with its market (and `others`), but for the venue's own snapshot: large, and only the feeds' to read."""
    return rows.select_related("market", *others).defer("market__venue_params")


def lock_traders(trader_ids: Iterable[int]) -> None:
    """Lock these traders' rows until the transaction ends.

    Whoever decides on a trader's orders or books their fills takes this lock before any row of theirs, by id: so no two
    transactions wait for each other in a circle, and none reads positions, orders and balances from different moments.
    """
    ids = sorted(set(trader_ids))
    list(Trader.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk", flat=True))
