"""Whether the books agree: with themselves, with the venue, with the chain; and the keys that will expire."""

from django.db import connection
from django.db.models import Count, Min, Sum
from prometheus_client.core import Metric

from trading.books import INVARIANTS
from trading.models import Delegate, InvariantBreach, InvariantLook, LedgerEntry, Receipt, Trader, VenueAlarm
from trading.models.traders import Mode
from vanta import clock
from vanta.health.families import gauge, over


def disputes() -> list[Metric]:
    """What somebody has to look at."""
    broken = InvariantBreach.objects.filter(ended_at=None).values_list("code").annotate(count=Count("pk"))
    alarms = VenueAlarm.objects.values_list("kind").annotate(count=Count("pk"))
    disputed: dict[str, float] = {
        "books": Trader.objects.filter(disputed_since__isnull=False).count(),
        "funds": Delegate.objects.filter(status=Delegate.Status.ACTIVE, funds_disputed_since__isnull=False).count(),
        "receipts": Receipt.contradicted().count(),
    }
    codes = [invariant.code for invariant in INVARIANTS]
    found = [
        gauge(
            "vanta_invariant_breaches",
            "Rows that break an invariant of the books.",
            ["code"],
            over(codes, dict(broken.order_by("code"))),
        ),
        gauge(
            "vanta_venue_alarms",
            "Alarms about the venue that nobody has lifted.",
            ["kind"],
            over(VenueAlarm.Kind.values, dict(alarms.order_by("kind"))),
        ),
        gauge(
            "vanta_disputed",
            "Traders whose books the venue disputes, wallets and fills that the chain does.",
            ["about"],
            disputed,
        ),
    ]
    looked_at = InvariantLook.objects.order_by("-at").values_list("at", flat=True).first()
    if looked_at:
        age_s = (clock.now() - looked_at).total_seconds()
        found.append(gauge("vanta_invariant_look_age_seconds", "Since the invariants were asked.", [], {(): age_s}))
    return list(found)


def delegates() -> list[Metric]:
    """Active keys, and when the next one expires; that only where there is one."""
    active = Delegate.objects.filter(status=Delegate.Status.ACTIVE).aggregate(count=Count("pk"), next=Min("expires_at"))
    found = [gauge("vanta_delegates_active", "Delegate keys that may trade.", [], {(): active["count"]})]
    if active["next"]:
        left_s = (active["next"] - clock.now()).total_seconds()
        found.append(gauge("vanta_delegate_next_expiry_seconds", "Until the next key expires.", [], {(): left_s}))
    return list(found)


def sums() -> list[Metric]:
    """Over whole tables: asked rarely. The ledger's entries sum to zero in each mode, or money was made."""
    totals = LedgerEntry.objects.values_list("mode").annotate(total=Sum("amount_usd")).order_by("mode")
    difference = over(Mode.values, {mode: float(total) for mode, total in totals})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database()), count(*) FROM pg_stat_activity")
        size, sessions = cursor.fetchone()
    return [
        gauge("vanta_ledger_difference_usd", "What all entries sum to: zero, USDC.", ["mode"], difference),
        gauge("vanta_database_bytes", "Size of the database.", [], {(): size}),
        gauge("vanta_database_sessions", "Sessions of the PostgreSQL server.", [], {(): sessions}),
    ]
