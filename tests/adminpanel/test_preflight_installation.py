"""Settings, roles, limits and logs: what is missing is named, red where money is real and amber in the sandbox."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from adminpanel.preflight import installation
from risk import canary_cap, check_in
from tests.access import enrolled, make_user
from tests.factories import make_market, make_policy, make_trader
from vanta.logging import logging_config
from vanta.preconditions import unsafe_in_production

pytestmark = pytest.mark.django_db
ADA, GRACE = 811, 812


@pytest.fixture
def production(settings: Settings) -> Settings:
    """As production would have it."""
    settings.PRODUCTION, settings.PUBLIC_BASE_URL = True, "https://vanta.example"
    settings.HEALTH_TOKEN, settings.FLOWER_BASIC_AUTH = "t" * 20, "operator:secret"
    settings.DATABASE_URL, settings.ALLOWED_HOSTS = "postgres://127.0.0.1/vanta", ["vanta.example"]
    return settings


def test_productions_settings_are_green(production: Settings) -> None:
    assert installation.settings_safe().colour == "green"


@pytest.mark.parametrize(
    ("name", "value", "saw"),
    [
        ("TELEGRAM_WEBHOOK_SECRET", "", "TELEGRAM_WEBHOOK_SECRET is missing"),
        ("AUDIT_HMAC_KEY", "short", "AUDIT_HMAC_KEY is shorter"),
        ("SECRET_KEY", "development-only-key-never-used-in-production", "SECRET_KEY is development's"),
        ("PUBLIC_BASE_URL", "http://vanta.example", "must begin with https"),
        ("ALLOWED_HOSTS", ["*"], "takes every name"),
        ("SANDBOX_URL", "http://127.0.0.1:1", "SANDBOX_URL must not be set"),
        ("KEY_ENCRYPTION_KEYS", "2026:abc", "for worker-signing alone"),
        ("HEALTH_TOKEN", "", "HEALTH_TOKEN is blank"),
    ],
)
def test_an_unsafe_setting_is_red_and_named(production: Settings, name: str, value: object, saw: str) -> None:
    setattr(production, name, value)

    finding = installation.settings_safe()

    assert finding.colour == "red"
    assert saw in finding.saw


@pytest.mark.parametrize(("sandbox_url", "colour"), [("", "red"), ("http://127.0.0.1:1", "amber")])
def test_a_development_system_is_red_wherever_its_world_is_not_the_sandbox(
    settings: Settings, sandbox_url: str, colour: str
) -> None:
    settings.SANDBOX_URL = sandbox_url

    assert installation.settings_safe().colour == colour


def test_what_production_refuses_at_the_start_is_what_is_listed() -> None:
    assert unsafe_in_production(required={"SECRET_KEY": "s" * 16}, forbidden={"SANDBOX_URL": ""}) == []
    assert len(unsafe_in_production(required={"SECRET_KEY": "", "A": ""}, forbidden={"SANDBOX_URL": "x"})) == 3


def super_admin(telegram_id: int) -> None:
    user = make_user(f"tg{telegram_id}", Role.SUPER_ADMIN)
    user.set_password("a long pass phrase")
    user.save()
    enrolled(user)
    AdminAccount.objects.create(user=user, telegram_id=telegram_id)
    make_trader(telegram_id=telegram_id, chat_id=telegram_id)


def test_two_enrolled_super_admins_with_a_chat_are_green_and_one_is_amber(settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [ADA]
    super_admin(ADA)
    assert installation.admin_permissions().colour == "amber"
    settings.REQUIRE_SECOND_APPROVER = True
    assert installation.admin_permissions().colour == "red"

    settings.SUPER_ADMIN_IDS = [ADA, GRACE]
    super_admin(GRACE)

    assert installation.admin_permissions().colour == "green"


def test_what_a_super_admin_lacks_is_named(settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [ADA]
    assert "sync_admins" in installation.admin_permissions().saw
    account = AdminAccount.objects.create(user=make_user("tg811"), telegram_id=ADA)
    assert "is no super admin" in installation.admin_permissions().saw
    account.user = make_user("ada", Role.SUPER_ADMIN)
    account.save()
    account.user.set_unusable_password()
    account.user.save()
    assert "changepassword ada" in installation.admin_permissions().saw
    account.user.set_password("a long pass phrase")
    account.user.save()
    assert "no second factor" in (last := installation.admin_permissions()).saw
    enrolled(account.user)

    assert last.colour == "red"
    assert (silent := installation.admin_permissions()).colour == "amber"
    assert "811 never wrote to the bot" in silent.saw


def test_nobody_to_start_anything_is_red(settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = []

    assert installation.admin_permissions().colour == "red"


def roomy(settings: Settings) -> None:
    settings.HOURLY_VOLUME_USD = settings.DAILY_VOLUME_USD = Decimal(200_000)


def test_limits_that_make_others_unreachable_are_amber(settings: Settings) -> None:
    assert "no single order can be that large" in installation.limits().saw

    roomy(settings)
    assert installation.limits().colour == "green"

    make_policy("Careful", trades_per_day=2)
    finding = installation.limits()
    assert finding.colour == "amber"
    assert "Careful: The openings in a day (2)" in finding.saw


@pytest.mark.parametrize(("cap", "colour"), [(0, "red"), (99, "red"), (100, "green"), (100_001, "amber")])
def test_a_canary_cap_has_to_let_something_through_and_to_cap(settings: Settings, cap: int, colour: str) -> None:
    make_market()  # its smallest order is 100 USDC
    roomy(settings)
    settings.CANARY_MAX_NOTIONAL_USD = Decimal(cap)

    assert installation.limits().colour == colour


def test_a_cap_that_was_lifted_and_limits_that_nobody_acknowledged_are_seen(settings: Settings) -> None:
    roomy(settings)
    canary_cap.change(None, actor="ada", reason="a test")
    assert installation.limits().colour == "amber"

    check_in.check_in()
    settings.OPENS_PER_MINUTE = 50
    check_in.check_in()
    assert installation.limits().colour == "red"


@pytest.mark.parametrize(
    ("is_json", "level", "colour"), [(True, "INFO", "green"), (True, "DEBUG", "amber"), (False, "INFO", "red")]
)
def test_a_log_line_is_looked_at_as_it_is_written(settings: Settings, is_json: bool, level: str, colour: str) -> None:
    settings.LOGGING, settings.LOG_LEVEL = logging_config(json=is_json, level=level), level

    assert installation.logs_json().colour == colour
