"""What admins are told of where no other row remembers it; who they are, what makes their codes; preflights."""

import hmac
from base64 import b32encode
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django_otp.plugins.otp_totp.models import TOTPDevice

from vanta import clock


class Alert(models.Model):
    """Something that lasts and that admins are told of, once when it has lasted and once when it is over.

    The row is written when it is first noticed, and forgotten where it is over before anybody was told. It is a row and
    no mark in Redis, because it has to be written together with the messages, and Redis may be what is broken.
    """

    class Kind(models.TextChoices):
        """What each means and what to do about it is in docs/operations.md, by these names."""

        TRADING_STOPPED = "trading_stopped", "trading is stopped"
        NOT_READY = "not_ready", "a critical check fails"
        DEGRADED = "degraded", "a check fails that is not critical"
        WORKER_MISSING = "worker_missing", "a worker is missing"
        BEAT_MISSING = "beat_missing", "beat is missing"
        DISPATCHER_MISSING = "dispatcher_missing", "the dispatcher is missing"
        DISK_FULL = "disk_full", "a disk is nearly full"
        MEMORY_SHORT = "memory_short", "memory is short"
        QUEUE_AGE = "queue_age", "something lies too long"
        INVARIANT_BROKEN = "invariant_broken", "the books do not agree"
        UNKNOWN_ORDER = "unknown_order", "an order's fate is not known"
        VENUE_ALARM = "venue_alarm", "something is wrong with the venue"
        RATE_LIMIT_ABUSE = "rate_limit_abuse", "somebody runs into limits again and again"
        DENIAL_SPIKE = "denial_spike", "far more is denied than usual"
        PRICE_STREAM = "price_stream", "price stream"

    kind = models.CharField(max_length=40, choices=Kind.choices)
    detail = models.CharField(max_length=300, blank=True, help_text="As it was when it was last looked at")
    is_critical = models.BooleanField(
        default=False, db_default=False, help_text="Told again until it is over or somebody has it"
    )
    began_at = models.DateTimeField()
    calm_since = models.DateTimeField(null=True, blank=True, help_text="It seems over since then, but may come back")
    ended_at = models.DateTimeField(null=True, blank=True)
    told_begin_at = models.DateTimeField(null=True, blank=True, help_text="When the admins' message was owed")
    told_subjects = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True, help_text="What of it the admins know of"
    )
    last_told_at = models.DateTimeField(null=True, blank=True)
    told_end_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="Somebody has it: it is told no more")
    acknowledged_by = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(ended_at__isnull=True), name="one_open_alert_a_kind"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")), name="alert_ends_after_it_began"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} since {self.began_at:%Y-%m-%d %H:%M:%S}"


class HeadNotice(models.Model):
    """That the audit log's head of a day was told to the super admins: what proves later that nobody rewrote it."""

    day = models.DateField(unique=True, help_text="UTC")
    count = models.BigIntegerField()
    hmac = models.CharField(max_length=64, blank=True, help_text="Empty while the log is")
    chats = models.PositiveIntegerField(help_text="How many super admins the message was owed to")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.count} entries on {self.day}"


class AdminAccount(models.Model):
    """A log-in of this site as a person: their Telegram account, and the role that the settings last gave them.

    The permissions here are the controls; `adminpanel.roles` says who has which.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="admin_account")
    telegram_id = models.BigIntegerField(unique=True, null=True, blank=True)
    seeded_role = models.CharField(
        max_length=20, blank=True, help_text="The role that the settings last said; only a change of it is carried out"
    )

    class Meta:
        default_permissions = ()
        permissions = [
            ("view_dashboard", "Can see the dashboard"),
            ("stop_trading", "Can stop and halt trading"),
            ("start_trading", "Can let trading go on"),
            ("change_execution_mode", "Can switch to LIVE, and back to DRY"),
            ("disable_trader", "Can disable a trader"),
            ("enable_trader", "Can enable a trader"),
            ("tighten_limits", "Can tighten limits"),
            ("loosen_limits", "Can loosen limits"),
            ("manage_roles", "Can say who may come in, and as what"),
            ("manage_keys", "Can replace keys"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(telegram_id__isnull=True) | Q(telegram_id__gt=0), name="admin_has_a_persons_telegram_id"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)


class AdminDevice(TOTPDevice):  # type: ignore[misc]  # django-otp has no types
    """The one device that makes a user's codes. What is stored is no secret without SECRET_KEY."""

    class Meta:
        proxy = True
        default_permissions = ()

    @property
    def bin_key(self) -> bytes:
        """What codes are made from: bound to SECRET_KEY and the user, so that a copied row makes none."""
        stored = f"{self.user_id}:{self.key}"
        return hmac.digest(settings.SECRET_KEY.encode(), b"vanta second factor:" + stored.encode(), "sha256")[:20]

    @property
    def secret(self) -> str:
        """The same as an authenticator takes it when it is typed."""
        return b32encode(self.bin_key).decode()


class PreflightRun(models.Model):
    """What one `manage.py preflight` found; LIVE is switched on only after a whole one without red."""

    class Verdict(models.TextChoices):
        GREEN = "green", "green"
        AMBER = "amber", "amber"
        RED = "red", "red"

    at = models.DateTimeField(default=clock.now)
    by = models.CharField(max_length=150)
    is_complete = models.BooleanField(help_text="No check was left out.")
    verdict = models.CharField(max_length=5, choices=Verdict.choices)
    results = models.JSONField(help_text="Of each check: name, colour, what it saw, what to do, milliseconds.")
    took_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at", "-id"], condition=Q(is_complete=True), name="preflight_whole")]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=["green", "amber", "red"]), name="preflight_verdict_known"),
        ]

    def __str__(self) -> str:
        return f"preflight of {self.at:%Y-%m-%d %H:%M:%S}: {self.verdict}"

    def red(self) -> list[dict[str, Any]]:
        """What stands against real money."""
        return self.of("red")

    def of(self, colour: str) -> list[dict[str, Any]]:
        """The results of one colour."""
        return [result for result in self.results if result["colour"] == colour]

    def colour_of(self, name: str) -> str:
        """Of one check; empty where it was left out."""
        return next((str(result["colour"]) for result in self.results if result["name"] == name), "")
