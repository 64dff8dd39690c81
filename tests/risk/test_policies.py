"""Policies in the database: dated terms that nobody edits, the newest of those that have begun in force."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from risk import policies
from risk.limits import NAMES, NOTHING, Terms
from risk.models import PolicyTerms, RiskPolicy
from risk.policies import TermsInThePast, global_limits
from risk.trading_state import ReasonMissing
from risk.values import Protections
from tests.factories import make_policy
from tests.risk.test_limits import VALUES
from vanta.models import AuditEntry

D = Decimal
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
ONE_O_CLOCK = NOON + dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


def leverage(policy: RiskPolicy, at: dt.datetime | None = None) -> Any:
    return policies.in_force([policy.pk], at).get(policy.pk, NOTHING).get("max_leverage")


def says(policy: RiskPolicy, value: int, begins: dt.datetime | None = None) -> PolicyTerms:
    terms = Terms({"max_leverage": D(value)})
    return policies.add_terms(policy, terms, actor="admin:root", reason="a test", effective_from=begins).row


def test_the_global_limits_are_the_settings_read_at_every_decision(settings: Settings) -> None:
    limits = global_limits()
    assert (limits.max_position_size_usd, limits.max_leverage, limits.opens_per_minute) == (D(100000), D(500), 5)
    assert limits.protections == Protections()
    settings.MAX_LEVERAGE, settings.COOLDOWN_MINUTES = D(7), 60
    assert global_limits().max_leverage == D(7)
    assert global_limits().protections.cooldown_minutes == 60


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_every_limit_is_kept_as_it_was_given(name: str) -> None:
    policy = make_policy(limits={name: VALUES[name][0]})
    assert policies.in_force([policy.pk])[policy.pk] == Terms({name: VALUES[name][0]})


@pytest.mark.django_db
def test_scheduled_terms_bind_from_their_second_on() -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        policy = make_policy(max_leverage=D(50))
        says(policy, 20, ONE_O_CLOCK)
        assert leverage(policy) == 50
        assert [row.effective_from for row in policies.scheduled([policy.pk])] == [ONE_O_CLOCK]
        traveller.move_to(ONE_O_CLOCK - SECOND / 1000)
        assert leverage(policy) == 50
        traveller.move_to(ONE_O_CLOCK)
        assert leverage(policy) == 20
        assert policies.scheduled([policy.pk]) == []
    assert leverage(policy, NOON) == 50


@pytest.mark.django_db
def test_of_terms_for_the_same_time_the_last_written_holds() -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        policy = make_policy(max_leverage=D(50))
        says(policy, 20, ONE_O_CLOCK)
        says(policy, 50, ONE_O_CLOCK)  # so a scheduled change is withdrawn
        says(policy, 40)
        assert leverage(policy) == 40
        traveller.move_to(ONE_O_CLOCK)
        assert leverage(policy) == 50


@pytest.mark.django_db
def test_a_policy_whose_first_terms_are_to_come_says_nothing_yet() -> None:
    policy = RiskPolicy.objects.create(name="later")
    says(policy, 20, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert policies.in_force([policy.pk]) == {}


@pytest.mark.django_db
def test_terms_never_begin_in_the_past() -> None:
    policy = make_policy()
    with pytest.raises(TermsInThePast):
        says(policy, 20, dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2))
    with pytest.raises(DatabaseError, match="terms_begin_no_earlier"), transaction.atomic():
        PolicyTerms.objects.create(policy=policy, effective_from=NOON - dt.timedelta(days=999), actor="a", reason="r")


@pytest.mark.django_db
def test_all_policies_are_read_in_one_statement_and_nobodys_in_none(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    numbers = [make_policy(f"policy {number}", max_leverage=D(number)).pk for number in range(1, 9)]
    with django_assert_num_queries(1):
        found = policies.in_force([*numbers, None])
    assert [found[number].get("max_leverage") for number in numbers] == list(range(1, 9))
    with django_assert_num_queries(0):
        assert policies.in_force([None, None]) == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE risk_policyterms SET max_leverage = 1000",
        "DELETE FROM risk_policyterms",
        "TRUNCATE risk_policyterms",
    ],
)
def test_terms_are_never_edited_nor_deleted(statement: str) -> None:
    policy = make_policy(max_leverage=D(20))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
    assert leverage(policy) == 20


@pytest.mark.django_db
def test_new_terms_and_their_audit_entry_are_one_transaction() -> None:
    policy = make_policy(max_leverage=D(50), trades_per_day=9)
    policies.add_terms(policy, Terms({"max_leverage": D(20)}), actor="admin:root", reason="calmer")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor, entry.action, entry.reason) == ("admin:root", "policy.change", "calmer")
    assert entry.before == {"policy": "careful", "max_leverage": "50.00", "trades_per_day": 9}
    after = entry.after or {}
    assert (after["max_leverage"], after["trades_per_day"]) == ("20", None)
    assert AuditEntry.objects.earliest("seq").action == "policy.create"


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_terms_without_a_reason_are_refused(reason: str) -> None:
    with pytest.raises(ReasonMissing):
        policies.add_terms(make_policy(), NOTHING, actor="admin:root", reason=reason)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_leverage", "0.5"),
        ("max_account_risk_pct", "1.01"),
        ("liquidation_buffer_pct", "-0.1"),
        ("drawdown_pct", "1.1"),
    ],
)
def test_the_database_refuses_a_limit_that_makes_no_sense(name: str, value: str) -> None:
    with pytest.raises(DatabaseError, match=f"policy_{name}"):
        make_policy(limits={name: D(value)})
