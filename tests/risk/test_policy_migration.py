"""An installation from before terms were dated keeps what its policies said."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from risk import policies
from risk.limits import Terms
from risk.models import PolicyTerms, RiskPolicy

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("risk", "0002_append_only"), ("trading", "0006_day_openings")]


@pytest.fixture
def _before_terms() -> Iterator[None]:
    """The database as it was; as it is again afterwards, whatever happens."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    try:
        yield
    finally:
        forward()


def forward() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.usefixtures("_before_terms")
def test_a_policys_limits_become_its_first_terms() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO risk_riskpolicy (name, may_loosen, max_leverage, trades_per_day, created_at) "
            "VALUES ('old', true, 600, 9, '2026-01-02T03:04:05Z'), ('empty', false, NULL, NULL, now())"
        )
    forward()
    old, empty = RiskPolicy.objects.get(name="old"), RiskPolicy.objects.get(name="empty")
    assert policies.in_force([old.pk, empty.pk]) == {
        old.pk: Terms({"max_leverage": Decimal(600), "trades_per_day": 9}, may_loosen=True),
        empty.pk: Terms(),
    }
    assert old.kind == RiskPolicy.Kind.POLICY
    assert PolicyTerms.objects.get(policy=old).effective_from == old.created_at
