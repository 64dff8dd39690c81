"""The demo accounts of `make run`, and the codes of one who has no telephone."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.roles import role_of
from feeds.models import Market
from feeds.sources import close_sources
from tests.trading.bot_api import BotApi
from trading.models import LedgerTransaction, Trader
from vanta.models import AuditEntry
from vanta.supervision.environment import sandbox_urls

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeded(api: BotApi, settings: Settings, tmp_path: Path) -> dict[str, str]:
    """What the demo super admin logs in with, after the command has run twice."""
    settings.STATE_DIR = tmp_path
    for name, url in sandbox_urls(api.url).items():
        setattr(settings, name, url)
    close_sources()
    for _ in range(2):
        call_command("seed", stdout=io.StringIO())
    close_sources()
    kept: dict[str, str] = json.loads((tmp_path / "demo.json").read_text())
    return kept


def code() -> str:
    said = io.StringIO()
    call_command("totp_code", "demo", stdout=said)
    return said.getvalue().strip()


def test_seeding_makes_markets_traders_and_a_super_admin_once(seeded: dict[str, str], tmp_path: Path) -> None:
    demo = User.objects.get(username=seeded["username"])
    assert demo.check_password(seeded["password"])
    assert role_of(demo) is Role.SUPER_ADMIN
    assert not demo.is_superuser
    actions = AuditEntry.objects.filter(subject=f"user:{demo.pk}").order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["user.add", "device.enrol"]
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
    assert list(Trader.objects.order_by("pk").values_list("first_name", flat=True)) == ["Ada", "Grace"]
    assert LedgerTransaction.objects.count() == 2
    assert Market.objects.filter(symbol="ETH/USD", is_listed=True).exists()


def test_the_demo_super_admin_is_enrolled_and_logs_in_with_the_printed_code(seeded: dict[str, str]) -> None:
    for _ in range(2):  # the next one is printed where the current one was used
        client = Client()
        assert client.post("/admin/login/", {**seeded, "code": code()}).status_code == 302
        assert client.get("/admin/").status_code == 200


def test_demo_accounts_and_their_codes_are_refused_in_production(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="not made in production"):
        call_command("seed")
    with pytest.raises(CommandError, match="from the device alone"):
        call_command("totp_code", "demo")
    assert not Trader.objects.exists()
