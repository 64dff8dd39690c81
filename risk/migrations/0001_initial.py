import vanta.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ExecutionModeChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("DRY", "Dry"), ("LIVE", "Live")], max_length=4)),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField(default=vanta.clock.now)),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["DRY", "LIVE"])), name="execution_mode_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("actor", ""), _negated=True), models.Q(("reason", ""), _negated=True)
                        ),
                        name="execution_mode_has_actor_and_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RiskPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True)),
                (
                    "may_loosen",
                    models.BooleanField(default=False, help_text="Let limits looser than the global ones count"),
                ),
                (
                    "max_position_size_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Notional of everything in one market, in USDC",
                        max_digits=24,
                        null=True,
                    ),
                ),
                (
                    "max_account_risk_pct",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="Worst loss of one position, of the equity; a fraction: 0.05 is 5 %",
                        max_digits=9,
                        null=True,
                    ),
                ),
                (
                    "max_leverage",
                    models.DecimalField(
                        blank=True, decimal_places=2, help_text="10 means 10x", max_digits=8, null=True
                    ),
                ),
                (
                    "liquidation_buffer_pct",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="Of the distance to liquidation, kept free; a fraction: 0.05 is 5 %",
                        max_digits=9,
                        null=True,
                    ),
                ),
                (
                    "max_daily_loss_pct",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="Of the day's opening equity; a fraction: 0.05 is 5 %",
                        max_digits=9,
                        null=True,
                    ),
                ),
                (
                    "price_max_age_s",
                    models.DecimalField(blank=True, decimal_places=3, help_text="Seconds", max_digits=8, null=True),
                ),
                (
                    "price_max_uncertainty_share",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="Of the distance to liquidation; a fraction: 0.05 is 5 %",
                        max_digits=9,
                        null=True,
                    ),
                ),
                (
                    "opens_per_minute",
                    models.PositiveIntegerField(blank=True, help_text="Openings in a minute", null=True),
                ),
                ("trades_per_day", models.PositiveIntegerField(blank=True, help_text="Openings in a day", null=True)),
                (
                    "hourly_volume_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Notional opened in an hour, in USDC",
                        max_digits=24,
                        null=True,
                    ),
                ),
                (
                    "daily_volume_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Notional opened in a day, in USDC",
                        max_digits=24,
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(default=vanta.clock.now, editable=False)),
            ],
            options={
                "verbose_name_plural": "risk policies",
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_position_size_usd__isnull", True), ("max_position_size_usd__gte", 0), _connector="OR"
                        ),
                        name="policy_max_position_size_usd",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_account_risk_pct__isnull", True),
                            models.Q(("max_account_risk_pct__gte", 0), ("max_account_risk_pct__lte", 1)),
                            _connector="OR",
                        ),
                        name="policy_max_account_risk_pct",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_leverage__isnull", True), ("max_leverage__gte", 1), _connector="OR"),
                        name="policy_max_leverage",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("liquidation_buffer_pct__isnull", True),
                            models.Q(("liquidation_buffer_pct__gte", 0), ("liquidation_buffer_pct__lte", 1)),
                            _connector="OR",
                        ),
                        name="policy_liquidation_buffer_pct",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_daily_loss_pct__isnull", True),
                            models.Q(("max_daily_loss_pct__gte", 0), ("max_daily_loss_pct__lte", 1)),
                            _connector="OR",
                        ),
                        name="policy_max_daily_loss_pct",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price_max_age_s__isnull", True), ("price_max_age_s__gte", 0), _connector="OR"
                        ),
                        name="policy_price_max_age_s",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price_max_uncertainty_share__isnull", True),
                            models.Q(("price_max_uncertainty_share__gte", 0), ("price_max_uncertainty_share__lte", 1)),
                            _connector="OR",
                        ),
                        name="policy_price_max_uncertainty_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hourly_volume_usd__isnull", True), ("hourly_volume_usd__gte", 0), _connector="OR"
                        ),
                        name="policy_hourly_volume_usd",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("daily_volume_usd__isnull", True), ("daily_volume_usd__gte", 0), _connector="OR"
                        ),
                        name="policy_daily_volume_usd",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TradingStateChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "active"), ("reducing", "reducing"), ("halted", "halted")], max_length=10
                    ),
                ),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField(default=vanta.clock.now)),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "reducing", "halted"])), name="trading_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("actor", ""), _negated=True), models.Q(("reason", ""), _negated=True)
                        ),
                        name="trading_state_has_actor_and_reason",
                    ),
                ],
            },
        ),
    ]
