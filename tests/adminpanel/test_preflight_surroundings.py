"""Front door, venue, chain and clocks: what answers wrongly, late or not at all is named."""

from typing import Any

import pytest
from pytest_django import Settings

from adminpanel.preflight import surroundings
from tests.adminpanel.front_door import answering, served
from tests.trading.bot_api import BotApi
from trading.models import VenueAlarm, VenueIdentity
from vanta import clock
from vanta.embedded.host import free_port
from vanta.health import views
from vanta.supervision.environment import sandbox_urls
from vanta.wsgi import application

pytestmark = pytest.mark.django_db
OK, AILING = {"status": "ok"}, {"status": "degraded", "detail": "lags"}


@pytest.fixture
def outside(sandbox: BotApi, settings: Settings) -> BotApi:
    """The settings lead to the sandbox."""
    for name, url in sandbox_urls(sandbox.url).items():
        setattr(settings, name, url)
    return sandbox


@pytest.mark.parametrize(
    ("answers", "colour", "saw"),
    [
        ({"/healthz": (200, {}), "/readyz": (200, {"checks": {"redis": OK}})}, "green", "all 1 checks"),
        (
            {"/healthz": (200, {}), "/readyz": (200, {"checks": {"redis": OK, "venue": AILING}})},
            "amber",
            "venue (lags)",
        ),
        ({"/healthz": (200, {}), "/readyz": (503, {"checks": {"redis": AILING}})}, "red", "503: redis (lags)"),
        ({"/healthz": (500, {}), "/readyz": (200, {"checks": {"redis": OK}})}, "red", "/healthz answers 500"),
        ({"/healthz": (200, {}), "/readyz": (200, ["somebody else's"])}, "red", "not Vanta's"),
    ],
)
def test_health_endpoints_are_asked_as_a_load_balancer_does(
    settings: Settings, answers: dict[str, Any], colour: str, saw: str
) -> None:
    with served(answering(answers)) as settings.PUBLIC_BASE_URL:
        finding = surroundings.health_endpoints()

    assert finding.colour == colour
    assert saw in finding.saw


def test_vantas_own_health_endpoints_say_what_is_missing(settings: Settings) -> None:
    views.reporter.forget()

    with served(application) as settings.PUBLIC_BASE_URL:
        finding = surroundings.health_endpoints()

    assert finding.colour == "red"
    assert "workers (never seen)" in finding.saw
    views.reporter.forget()


def test_no_web_process_is_red(settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = f"http://127.0.0.1:{free_port()}"

    assert surroundings.health_endpoints().colour == "red"


def test_the_venue_is_asked_at_all_its_addresses(outside: BotApi, settings: Settings) -> None:
    assert surroundings.venue().colour == "green"

    outside.client.post("/control/faults", json={"service": "feed", "kind": "status", "status": 502}).raise_for_status()
    finding = surroundings.venue()
    outside.heal()

    assert finding.colour == "red"
    assert "VERANTA_FEED_URL" in finding.saw


def test_a_venue_with_an_alarm_is_amber_and_one_that_is_another_red(outside: BotApi) -> None:
    VenueAlarm.objects.create(kind="books", subject="trader 1")
    assert surroundings.venue().colour == "amber"

    VenueIdentity.objects.create(
        address="https://venue.example", chain_id=8453, trading_router="0x1", refused={"chain_id": 1}
    )
    finding = surroundings.venue()
    assert finding.colour == "red"
    assert "trust_venue" in finding.do


def test_base_s_node_is_asked_for_its_chain_and_newest_block(outside: BotApi, settings: Settings) -> None:
    assert surroundings.blockchain().colour == "green"

    settings.BLOCK_MAX_AGE_S = -60
    assert "s old" in (old := surroundings.blockchain()).saw
    VenueIdentity.objects.create(address=settings.VERANTA_TX_BUILDER_URL, chain_id=84532, trading_router="0x1")
    assert "on chain 8453, the venue on 84532" in (other := surroundings.blockchain()).saw
    settings.BASE_RPC_URL = f"http://127.0.0.1:{free_port()}/with-a-key"
    away = surroundings.blockchain()

    assert {old.colour, other.colour, away.colour} == {"red"}
    assert "with-a-key" not in away.saw


@pytest.mark.parametrize(("ahead_ms", "colour"), [(0, "green"), (-900, "amber"), (1200, "amber"), (5000, "red")])
def test_a_clock_that_is_off_is_found_by_everybody_elses(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, ahead_ms: int, colour: str
) -> None:
    settings.VERANTA_API_BASE_URL = settings.TELEGRAM_API_BASE_URL = f"http://127.0.0.1:{free_port()}"
    real_ms = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real_ms() + ahead_ms)

    finding = surroundings.clocks()

    assert finding.colour == colour
    assert "PostgreSQL" in finding.saw or "Redis" in finding.saw


def test_a_date_header_is_believed_to_the_second(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, redis_down: None
) -> None:
    monkeypatch.setattr(surroundings, "_postgresqls_ms", lambda: None)
    real_ms = clock.now_ms
    with served(answering({})) as address:  # which dates its answers
        settings.VERANTA_API_BASE_URL = settings.TELEGRAM_API_BASE_URL = address
        assert surroundings.clocks().colour == "green"
        monkeypatch.setattr(clock, "now_ms", lambda: real_ms() - 9000)
        finding = surroundings.clocks()

    assert finding.colour == "red"
    assert "the venue" in finding.saw
