"""The page about limits: who was denied what, how much of their limits the most active use now, which days were locked.

What was denied comes from PostgreSQL; what is used of the limits needs Redis as well, and is left out without it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from adminpanel.limit_rows import AccountRow, account_row, denied_orders_url, fullest_first, matrix
from trading.denial_statistics import Activity, activity_of, denials_since, denied_orders_since, most_active_since
from trading.models import DayOpening, Trader
from trading.risk_usage import risk_usage
from trading.selectors import opening_usages
from vanta import clock
from vanta.redis import RedisDown

SPANS = {"24h": ("24 hours", dt.timedelta(days=1)), "7d": ("7 days", dt.timedelta(days=7))}
USUAL_SPAN = "24h"
NEEDED = ("trading.view_order", "trading.view_trader", "trading.view_dayopening")
ACCOUNTS_SHOWN = 10
LOCKS_SHOWN = 20
LONGEST_NUMBER = 18  # digits that PostgreSQL's bigint has room for


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, for `?span=24h` or `7d`, with `?trader=` the accounts of one.

    Raises PermissionDenied where one of NEEDED is missing.
    """
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    chosen = request.GET.get("span", USUAL_SPAN)
    chosen = chosen if chosen in SPANS else USUAL_SPAN
    trader = _trader(request.GET.get("trader", ""))
    shown = _shown(*SPANS[chosen], trader)
    spans = [(name, words, name == chosen) for name, (words, _) in SPANS.items()]
    context = {**admin.site.each_context(request), "title": "Limits", "spans": spans, **shown}
    return render(request, "adminpanel/limits.html", context)


def _trader(number: str) -> Trader | None:
    is_number = number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER
    return Trader.objects.select_related("policy").filter(pk=number).first() if is_number else None


def _shown(span_words: str, span: dt.timedelta, trader: Trader | None) -> dict[str, Any]:
    now = clock.now()
    since = now - span
    denials = denials_since(since)
    denied = Counter[int]()
    for each in denials:
        denied[each.trader_id] += each.count
    active = activity_of(trader, since) if trader else most_active_since(since, ACCOUNTS_SHOWN)
    accounts, is_readable = _accounts(active, denied, since)
    locked = DayOpening.objects.filter(locked_at__gte=since).select_related("trader")
    return {
        "span_words": span_words,
        "trader": trader,
        "at": now,
        "denied_orders": denied_orders_since(since),
        "denied_url": denied_orders_url(since),
        "matrix": matrix(denials, Trader.objects.in_bulk(list(denied)), since),
        "accounts": accounts,
        "is_readable": is_readable,
        "locks": locked.order_by("-locked_at")[:LOCKS_SHOWN],
        "locked_days": locked.count(),
        "today": now.date(),
    }


def _accounts(active: Sequence[Activity], denied: Counter[int], since: dt.datetime) -> tuple[list[AccountRow], bool]:
    """A row for each account, and whether Redis answered."""
    try:
        usages: Sequence[Any] = opening_usages([(each.trader, each.mode) for each in active])
    except RedisDown:
        return [account_row(each, denied[each.trader.pk], since, (), None) for each in active], False
    rows = [
        account_row(each, denied[each.trader.pk], since, windows, risk_usage(each.trader, each.mode))
        for each, windows in zip(active, usages, strict=True)
    ]
    return sorted(rows, key=fullest_first), True
