"""Policies in the admin: new terms with a reason, tightened by admins, loosened by super users, and previewed."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from adminpanel.groups import Role
from risk import policies
from risk.limits import NOTHING, Terms
from risk.models import RiskPolicy
from tests.access import code_for, logged_in, make_user
from tests.adminpanel.test_admin_pages import inlines
from tests.factories import make_order, make_policy, make_position, make_trader
from trading.models import Order, Position, Trader
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
D = Decimal
HISTORY = {"terms-TOTAL_FORMS": 0, "terms-INITIAL_FORMS": 0}


def change(policy: RiskPolicy) -> str:
    return reverse("admin:risk_riskpolicy_change", args=[policy.pk])


def filled(**values: Any) -> dict[str, Any]:
    return {"reason": "a test", **HISTORY, **values}


def says(policy: RiskPolicy) -> Terms:
    return policies.in_force([policy.pk]).get(policy.pk, NOTHING)


def errors(client: Client, policy: RiskPolicy, **values: Any) -> str:
    answer = client.post(change(policy), filled(**values))
    assert answer.status_code == 200, "it was saved"
    return answer.content.decode()


@pytest.fixture
def clerk() -> Client:
    """An Admin, who may not loosen."""
    return logged_in(make_user("clerk", Role.ADMIN))


def test_new_terms_are_added_and_audited_limit_by_limit(admin_client: Client) -> None:
    policy = make_policy("Careful", max_leverage=D(20), trades_per_day=9)
    assert admin_client.post(change(policy), filled(max_leverage="10", trades_per_day="9")).status_code == 302
    assert says(policy) == Terms({"max_leverage": D(10), "trades_per_day": 9})
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor, entry.reason) == ("policy.change", "admin:admin", "a test")
    assert entry.before == {"policy": "Careful", "max_leverage": "20.00"}
    assert (entry.after or {})["max_leverage"] == "10"
    assert policy.terms.count() == 2


def test_a_tier_is_made_with_its_first_terms(admin_client: Client) -> None:
    made = filled(name="Beginners", kind="tier", cooldown_minutes="60", drawdown_pct="0.1", drawdown_days="7")
    assert admin_client.post(reverse("admin:risk_riskpolicy_add"), made).status_code == 302
    tier = RiskPolicy.objects.get(name="Beginners", kind="tier")
    assert says(tier) == Terms({"cooldown_minutes": 60, "drawdown_pct": D("0.1"), "drawdown_days": 7})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"max_leverage": "10", "reason": " "}, "This field is required"),
        ({"max_leverage": "0.5"}, "greater than or equal to 1"),
        ({"max_leverage": "ten"}, "Enter a number"),
        ({"max_daily_loss_pct": "5"}, "less than or equal to 1"),
        ({"trades_per_day": "9999999999"}, "less than or equal to 1000000"),
        ({"max_leverage": "20"}, "Nothing is different"),
        (
            {"max_leverage": "10", "effective_from_0": "2020-01-01", "effective_from_1": "00:00:00"},
            "This has passed",
        ),
    ],
)
def test_what_cannot_be_saved_says_why(admin_client: Client, values: dict[str, str], told: str) -> None:
    policy = make_policy(max_leverage=D(20))
    assert told in errors(admin_client, policy, **values)
    assert policy.terms.count() == 1


def test_a_date_ahead_schedules_the_terms(admin_client: Client) -> None:
    policy = make_policy(max_leverage=D(20))
    begins = clock.now() + dt.timedelta(days=1)
    when = {"effective_from_0": f"{begins:%Y-%m-%d}", "effective_from_1": f"{begins:%H:%M:%S}"}
    assert admin_client.post(change(policy), filled(max_leverage="10", **when)).status_code == 302
    assert says(policy) == Terms({"max_leverage": D(20)})
    assert f"{begins:%Y-%m-%d %H:%M:%S} UTC" in admin_client.get(change(policy)).content.decode()
    saved = admin_client.post(change(policy), filled(max_leverage="5"), follow=True)
    assert "Other terms are scheduled" in saved.content.decode()


def test_an_admin_tightens_and_only_a_super_admin_loosens(
    clerk: Client, admin_client: Client, admin_user: User
) -> None:
    policy = make_policy(max_leverage=D(20))
    assert clerk.post(change(policy), filled(max_leverage="10", trades_per_day="3")).status_code == 302
    for looser in ({"max_leverage": "11", "trades_per_day": "3"}, {"max_leverage": "10"}):
        assert "Only a super admin loosens limits" in errors(clerk, policy, **looser)
    granted = {"max_leverage": "10", "trades_per_day": "3", "may_loosen": "on"}
    assert "May loosen" in errors(clerk, policy, **granted)
    looser = {"max_leverage": "600", "may_loosen": "on"}
    assert "This needs a code" in errors(admin_client, policy, **looser)
    assert admin_client.post(change(policy), filled(**looser, code=code_for(admin_user))).status_code == 302
    assert says(policy) == Terms({"max_leverage": D(600)}, may_loosen=True)


def test_a_super_admin_gives_back_what_a_trader_has_tightened(admin_client: Client, admin_user: User) -> None:
    own = make_policy("own:7", kind="own", max_leverage=D(20))
    make_trader(own_policy=own)
    looser = filled(max_leverage="50", may_loosen="on", code=code_for(admin_user))
    assert admin_client.post(change(own), looser).status_code == 302
    assert says(own) == Terms({"max_leverage": D(50)})


def test_limits_that_do_not_go_together_are_warned_of_when_they_are_saved(admin_client: Client) -> None:
    policy = make_policy(max_position_size_usd=D(5000))
    saved = admin_client.post(change(policy), filled(max_position_size_usd="5000", drawdown_pct="0.2"), follow=True)
    html = saved.content.decode()
    assert "drawdown days is missing" in html
    assert "below the largest position" not in html


def test_a_preview_shows_what_would_change_and_saves_nothing(admin_client: Client) -> None:
    policy = make_policy(max_leverage=D(100))
    check = {"code": "leverage", "passed": True, "measured": "10", "limit": "75"}
    order = make_order(
        trader=make_trader(policy=policy), state="FILLED", decision={"checks": [check]}, decided_at=clock.now()
    )
    html = errors(admin_client, policy, max_leverage="5", preview="on")
    assert f"#{order.pk}" in html
    assert "approved → denied" in html
    assert policy.terms.count() == 1
    assert Order.objects.get().state == "FILLED"


def test_the_buffers_of_open_positions_follow_at_once(admin_client: Client) -> None:
    policy = make_policy(max_leverage=D(20))
    position = make_position(trader=make_trader(policy=policy))
    admin_client.post(change(policy), filled(max_leverage="20", liquidation_buffer_pct="0.2"))
    assert Position.objects.get(pk=position.pk).buffer_pct == D("0.2")


def assign(client: Client, trader: Trader, **policies_: Any) -> bool:
    address = reverse("admin:trading_trader_change", args=[trader.pk])
    return client.post(address, inlines({"is_active": "on", **policies_})).status_code == 302


def test_an_admin_moves_a_trader_only_under_tighter_limits(
    clerk: Client, admin_client: Client, admin_user: User
) -> None:
    strict, mild = make_policy("strict", kind="tier", max_leverage=D(5)), make_policy("mild", max_leverage=D(20))
    trader = make_trader()
    assert assign(clerk, trader, policy=mild.pk)
    assert assign(clerk, trader, policy=mild.pk, tier=strict.pk)
    assert not assign(clerk, trader, policy=mild.pk)
    assert not assign(clerk, trader)
    assert not assign(admin_client, trader, reason="a test")
    assert assign(admin_client, trader, reason="a test", code=code_for(admin_user))


def test_terms_that_are_scheduled_count_when_a_trader_is_moved(clerk: Client) -> None:
    before, after = make_policy("before", max_leverage=D(20)), make_policy("after", max_leverage=D(10))
    tomorrow = clock.now() + dt.timedelta(days=1)
    policies.add_terms(after, NOTHING, actor="admin:root", reason="a test", effective_from=tomorrow)
    trader = make_trader(policy=before)
    assert not assign(clerk, trader, policy=after.pk)


def test_a_traders_page_shows_what_binds_and_where_it_comes_from(admin_client: Client) -> None:
    trader = make_trader(tier=make_policy("Beginners", kind="tier", max_leverage=D(20)))
    html = admin_client.get(reverse("admin:trading_trader_change", args=[trader.pk])).content.decode()
    assert "Leverage: <b>20x</b> (tier)" in html
    assert "Openings in a minute: <b>5</b> (global)" in html


def test_where_two_have_to_agree_the_page_asks_for_the_second(
    admin_client: Client, admin_user: User, settings: Settings
) -> None:
    settings.REQUIRE_SECOND_APPROVER = True
    policy, grace = make_policy(max_leverage=D(20)), make_user("grace", Role.SUPER_ADMIN)
    assert 'name="approver_code"' in admin_client.get(change(policy)).content.decode()
    alone = filled(max_leverage="30", code=code_for(admin_user))
    assert "another super admin" in admin_client.post(change(policy), alone).content.decode()
    both = {**alone, "approver": "grace", "approver_code": code_for(grace)}
    assert admin_client.post(change(policy), both).status_code == 302
    assert AuditEntry.objects.latest("seq").reason == "a test (approved by admin:grace)"
    tighter = filled(max_leverage="10")
    assert admin_client.post(change(policy), tighter).status_code == 302
