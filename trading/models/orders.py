"""Orders, their history, and what was sent to a venue for them."""

from django.db import models
from django.db.models import F, Q

from feeds.models import Market
from risk.margin import Side
from trading.models.fields import leverage, optional_price, price, usd
from trading.models.positions import Position
from trading.models.traders import Mode, Trader
from trading.order_state import PENDING, OrderState
from vanta import clock

STATES = [(state.value, state.value.replace("_", " ").lower()) for state in OrderState]
SIDES = [(side.value, side.value) for side in Side]


class Order(models.Model):
    """One wish of a trader, from the preview to its end.

    `position` is what an opening opened, and what every other kind is about.
    """

    class Kind(models.TextChoices):
        """Openings, increases and closings are trades and end in a fill; cancels end another order, and the others
        change an open position.
        """

        OPEN = "open"
        INCREASE = "increase"
        CLOSE = "close"
        STOPS = "stops", "stop and take-profit"
        ADD_MARGIN = "add_margin"
        TAKE_MARGIN = "take_margin"
        CANCEL = "cancel"

    class Type(models.TextChoices):
        """When an opening is executed: at once, or when the price is there; until then it rests at the venue."""

        MARKET = "market"
        LIMIT = "limit"
        STOP_LIMIT = "stop_limit", "stop-limit"

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="orders")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="orders")
    position = models.ForeignKey(Position, null=True, blank=True, on_delete=models.PROTECT, related_name="orders")
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.DRY)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    order_type = models.CharField(max_length=10, choices=Type.choices, default=Type.MARKET)
    side = models.CharField(max_length=5, choices=SIDES)
    state = models.CharField(max_length=16, choices=STATES, default=OrderState.DRAFT)
    collateral_usd = usd(
        help_text="Posted or added; of a closing the part of the position's that is taken out; of stops all of it."
    )
    leverage = leverage()
    limit_price = optional_price(help_text="Of a limit order the worst price, of a stop-limit order also the trigger.")
    stop_loss = optional_price()
    take_profit = optional_price()
    cancels = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="cancels_of", help_text="Of a cancel."
    )
    loosens = models.BooleanField(default=False, help_text="Of stops: more can be lost with them than before.")
    quoted_price = price(help_text="The mark price that the preview showed.")
    quote_number = models.PositiveSmallIntegerField(default=1, help_text="Only the newest quote can be confirmed.")
    worst_loss_usd = usd(default=0, help_text="Reserved against the trader's risk until the order ends.")
    decision = models.JSONField(default=dict, blank=True, help_text="Every check with its numbers.")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was denied, rejected, canceled or expired.")
    trace_id = models.CharField(max_length=32, blank=True)
    update_id = models.BigIntegerField(null=True, blank=True, help_text="The update it came from.")
    chat_id = models.BigIntegerField(null=True, blank=True)
    card_message_id = models.BigIntegerField(null=True, blank=True, help_text="The preview card in the chat.")
    created_at = models.DateTimeField(default=clock.now)
    valid_until = models.DateTimeField()
    evaluated_price = optional_price(help_text="Closed after the fact: where a missed price would have filled it.")
    evaluated_at = models.DateTimeField(null=True, blank=True, help_text="When that price was.")
    live_confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the trader said a second time that it is real money."
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(default=clock.now, help_text="When the dispatcher looks at it again.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(collateral_usd__gt=0), name="order_collateral_positive"),
            models.CheckConstraint(condition=Q(leverage__gte=1), name="order_leverage_at_least_one"),
            models.CheckConstraint(
                condition=Q(kind__in=["open", "cancel"]) | Q(position__isnull=False), name="closing_names_position"
            ),
            models.CheckConstraint(
                condition=Q(kind="cancel", cancels__isnull=False) | (~Q(kind="cancel") & Q(cancels__isnull=True)),
                name="only_cancels_cancel",
            ),
            models.CheckConstraint(
                condition=Q(order_type="market", limit_price__isnull=True)
                | Q(order_type__in=["limit", "stop_limit"], limit_price__gt=0, kind="open"),
                name="only_openings_have_limits",
            ),
            models.CheckConstraint(
                condition=Q(evaluated_price__isnull=True, evaluated_at__isnull=True)
                | Q(evaluated_price__gt=0, evaluated_at__isnull=False, kind="close", mode="DRY"),
                name="only_paper_closings_are_evaluated",
            ),
            # An update opens once, and closes each position once, however often it is handled.
            models.UniqueConstraint(fields=["update_id"], condition=Q(kind="open"), name="one_opening_an_update"),
            models.UniqueConstraint(
                fields=["update_id", "position"], condition=Q(kind="close"), name="one_closing_an_update"
            ),
            models.UniqueConstraint(
                fields=["update_id", "position", "kind"],
                condition=Q(kind__in=["increase", "stops", "add_margin", "take_margin"]),
                name="one_change_an_update",
            ),
            models.UniqueConstraint(
                fields=["update_id", "cancels"], condition=Q(kind="cancel"), name="one_cancel_an_update"
            ),
            models.UniqueConstraint(
                fields=["cancels"],
                condition=Q(kind="cancel", state__in=sorted(PENDING)),
                name="one_cancel_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                condition=Q(state__in=[*sorted(PENDING), OrderState.DRAFT]),
                name="order_due",
            ),
            models.Index(fields=["trader", "mode"], condition=Q(state__in=sorted(PENDING)), name="order_pending"),
            models.Index(
                fields=["market", "side", "order_type", "limit_price"],
                condition=Q(state=OrderState.RESTING),
                name="order_resting",
            ),
            models.Index(fields=["trader", "-created_at"], name="order_history"),
            models.Index(fields=["decided_at"], condition=Q(decided_at__isnull=False), name="order_decided"),
            models.Index(fields=["ended_at"], condition=Q(evaluated_at__isnull=False), name="order_evaluated"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.side} {self.state}"

    @property
    def rests(self) -> bool:
        """Whether it waits at the venue until the price is there."""
        return self.order_type != self.Type.MARKET

    @property
    def waits_below(self) -> bool:
        """Of one that rests: whether it is executed at its price or below; else at its price or above."""
        return (self.side == Side.LONG) == (self.order_type == self.Type.LIMIT)

    @property
    def reduces(self) -> bool:
        """Whether nothing more can be lost by it: what `REDUCING` lets through, and no limit denies."""
        return self.kind in (self.Kind.CLOSE, self.Kind.ADD_MARGIN, self.Kind.CANCEL) or (
            self.kind == self.Kind.STOPS and not self.loosens
        )


K = Order.Kind
OPENINGS = (K.OPEN, K.INCREASE)  # more of a market than before
MARGIN = (K.ADD_MARGIN, K.TAKE_MARGIN)  # between the free balance and an open position
CHANGES = (K.STOPS, K.ADD_MARGIN, K.TAKE_MARGIN)  # of an open position; no fill comes of them
REDUCES = Q(kind__in=[K.CLOSE, K.ADD_MARGIN, K.CANCEL]) | Q(
    kind=K.STOPS, loosens=False
)  # `Order.reduces`, asked of the rows


class OrderEvent(models.Model):
    """One transition of an order; append-only, numbered without gaps."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16, choices=STATES)
    detail = models.JSONField(default=dict, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "sequence"], name="one_event_per_sequence")]
        ordering = ["order", "sequence"]

    def __str__(self) -> str:
        return f"{self.from_state or '—'} → {self.to_state}"


class Intent(models.Model):
    """The exact message for the venue. One an order: no row means that nothing ever left."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="intent")
    nonce = models.CharField(max_length=80, unique=True)
    payload = models.JSONField(help_text="The exact content that is submitted, and resubmitted, unchanged.")
    deadline = models.DateTimeField(help_text="The venue never executes it after this time.")
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"intent of order {self.order_id}"


class Attempt(models.Model):
    """One submission of an intent; committed before anything is sent."""

    SENDING = "sending"  # the outcome of an attempt that somebody has taken, until there is one
    VOID = "void"  # in the detail: not the order's message was sent, but the one that makes it unusable

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of a refusal.")
    tracking_id = models.CharField(max_length=100, blank=True, help_text="Under which the venue tells what happens.")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["intent", "number"], name="one_attempt_per_number")]

    def __str__(self) -> str:
        return f"attempt {self.number} of intent {self.intent_id}"


class Fill(models.Model):
    """An execution on a venue. `pnl_usd` is realised, before the close fee."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="fills")
    venue_fill_id = models.CharField(max_length=100, unique=True)
    price = price()
    collateral_usd = usd()
    notional_usd = usd()
    fee_usd = usd(default=0)
    accrued_usd = usd(default=0, help_text="Rollover and funding paid with this fill.")
    pnl_usd = usd(default=0)
    left_usd = usd(default=0, help_text="The position's collateral after this fill.")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(price__gt=0), name="fill_price_positive"),
            models.CheckConstraint(condition=Q(notional_usd__gte=F("collateral_usd")), name="fill_notional_covers"),
        ]

    def __str__(self) -> str:
        return f"fill of order {self.order_id} at {self.price}"
