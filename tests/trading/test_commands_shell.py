"""What an operator types in a shell about traders and orders."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from pytest_django import Settings

from feeds.models import Market
from feeds.sources import close_sources
from tests.trading.bot_api import BotApi
from tests.trading.people import Person
from tests.trading.pipeline import open_position
from trading.models import LedgerTransaction, Trader
from vanta.supervision.environment import sandbox_urls

pytestmark = pytest.mark.django_db


def test_why_prints_the_whole_chain_without_markup(ada: Person, eth: Market) -> None:
    open_position(ada)
    order, said = ada.orders[0], io.StringIO()
    call_command("why", order.pk, stdout=said)
    text = said.getvalue()
    for part in (order.trace_id, "SUBMITTING", "FILLED", f"paper-{order.pk}", "order_card", "worst loss"):
        assert part in text
    assert "<b>" not in text
    assert "&gt;" not in text


def test_why_of_an_order_that_does_not_exist_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="There is no order 12"):
        call_command("why", 12)


def test_seeding_makes_markets_traders_and_an_admin_once(api: BotApi, settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path
    for name, url in sandbox_urls(api.url).items():
        setattr(settings, name, url)
    close_sources()
    for _ in range(2):
        call_command("seed", stdout=io.StringIO())
    close_sources()
    kept = tmp_path / "demo.json"
    admin = authenticate(**json.loads(kept.read_text()))
    assert admin is not None
    assert admin.is_superuser
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(Trader.objects.order_by("pk").values_list("first_name", flat=True)) == ["Ada", "Grace"]
    assert LedgerTransaction.objects.count() == 2
    assert Market.objects.filter(symbol="ETH/USD", is_listed=True).exists()


def test_demo_accounts_are_refused_in_production(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="not made in production"):
        call_command("seed")
    assert not Trader.objects.exists()
