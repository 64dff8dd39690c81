"""Telegram sends to us, what it sends is taken by its secret, and what is owed to super admins arrives."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from adminpanel.preflight import telegram
from tests.adminpanel.front_door import answering, served
from tests.trading.bot_api import BotApi
from trading.models import OutboxMessage
from trading.telegram import delivery
from trading.telegram.client import bot_loop
from vanta.embedded.host import free_port
from vanta.wsgi import application

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(sandbox: BotApi, settings: Settings) -> Iterator[BotApi]:
    settings.TELEGRAM_API_BASE_URL = f"{sandbox.url}/telegram/bot"
    bot_loop.cache_clear()
    yield sandbox
    sandbox.heal()
    bot_loop.cache_clear()


def register(address: str) -> None:
    bot_loop().run(bot_loop().bot.set_webhook(address, secret_token="a" * 16))


def test_a_webhook_at_our_address_that_takes_our_secret_alone_is_green(api: BotApi, settings: Settings) -> None:
    with served(application) as settings.PUBLIC_BASE_URL:
        register(f"{settings.PUBLIC_BASE_URL}/telegram/webhook/")

        finding = telegram.webhook()

    assert finding.colour == "green"


def test_a_webhook_elsewhere_is_red_and_says_how_to_register(api: BotApi, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example"
    register("https://another.example/telegram/webhook/")

    finding = telegram.webhook()

    assert finding.colour == "red"
    assert "another.example" in finding.saw
    assert finding.do == "manage.py register_bot"


@pytest.mark.parametrize(
    ("status", "saw"), [(403, "answers 403 to our secret"), (200, "answers 200 to a wrong secret")]
)  # fmt: skip
def test_an_address_that_minds_no_secret_or_another_one_is_red(
    api: BotApi, settings: Settings, status: int, saw: str
) -> None:
    with served(answering({"/telegram/webhook/": (status, {})})) as settings.PUBLIC_BASE_URL:
        register(f"{settings.PUBLIC_BASE_URL}/telegram/webhook/")
        finding = telegram.webhook()

    assert finding.colour == "red"
    assert saw in finding.saw


def test_a_bot_api_that_is_away_is_red(api: BotApi) -> None:
    api.fault("status", status=500, count=1)

    assert telegram.webhook().colour == "red"


def test_a_test_message_reaches_every_super_admin(api: BotApi, settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [910_001, 910_002]

    finding = telegram.alerts(pause=delivery.drain)

    assert finding.colour == "green"
    assert "alerts reach this chat" in api.texts(910_001)[-1]
    assert len(api.texts(910_002)) == 1


def test_a_super_admin_who_cannot_be_written_to_is_named(api: BotApi, settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [910_003]
    api.block(910_003)

    finding = telegram.alerts(pause=delivery.drain)

    assert finding.colour == "red"
    assert "910003 (Forbidden" in finding.saw


def test_a_message_that_nobody_sends_is_red_and_stays_owed(settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [910_004]

    finding = telegram.alerts(within_s=0)

    assert finding.colour == "red"
    assert "worker-messages" in finding.do
    assert OutboxMessage.objects.get(chat_id=910_004).status == "pending"


@pytest.mark.parametrize(("sandbox_url", "colour"), [("", "red"), ("http://127.0.0.1:1", "amber")])
def test_without_super_admins_nobody_is_alerted(settings: Settings, sandbox_url: str, colour: str) -> None:
    settings.SUPER_ADMIN_IDS, settings.SANDBOX_URL = [], sandbox_url

    assert telegram.alerts().colour == colour


def test_no_web_process_is_red(api: BotApi, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = f"http://127.0.0.1:{free_port()}"
    register(f"{settings.PUBLIC_BASE_URL}/telegram/webhook/")

    assert telegram.webhook().colour == "red"
