"""Keys and tokens are only where they have to be: a LIVE life with what goes wrong in one, then everything is read."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings

from feeds.models import Market
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.stack import Stack
from tests.trading.conftest import SetPrice
from tests.trading.keys.rings import key_text
from tests.trading.live import leaks
from tests.trading.processes.outside import Outside, new_trader, tap_update
from tests.trading.wallets import Wallet
from tests.waiting import wait_until
from trading.keys import delegate_keys
from trading.models import Attempt, Delegate, Order, Position, Trader, VenueAlarm
from trading.models.traders import Mode
from trading.services.traders import deposit
from vanta import redis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(300)]
PROCESSES = ("sandbox", "web", "worker-trading", "worker-signing", "worker-messages", "dispatcher")
SECRET = bytes(range(32, 64))


class Page:
    """The connect page in a browser, with the wallet that it asks."""

    def __init__(self, stack: Stack, token: str) -> None:
        self.token, self.wallet = token, Wallet()
        self.browser = httpx.Client(base_url=f"{stack.url}/connect/{token}/", timeout=15, trust_env=False)
        self.browser.get("").raise_for_status()

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.browser.post(path, json=body, headers={"X-CSRFToken": self.browser.cookies["csrftoken"]})

    def is_at(self, step: str) -> dict[str, Any] | None:
        told: dict[str, Any] = self.browser.get("state/").raise_for_status().json()
        return told if told["step"] == step else None

    def connects(self) -> None:
        """From the link to a delegate that the venue knows, with two mistakes on the way."""
        assert self.post("wallet/", wallet=self.wallet.address, signature="0x" + "11" * 65, days=30).is_client_error
        asked = self.post("message/", wallet=self.wallet.address).raise_for_status().json()["message"]
        proof = {"wallet": self.wallet.address, "signature": self.wallet.signs_text(asked), "days": 30}
        self.post("wallet/", **proof).raise_for_status()
        told = wait_until(lambda: self.is_at("sign"), 30, "the request can be signed")
        assert told is not None
        assert self.post("signature/", signature="0xzz").is_client_error
        self.post("signature/", signature=self.wallet.signs_request(told["request"])).raise_for_status()
        wait_until(lambda: Delegate.objects.filter(status="active").exists(), 30, "the delegate is active")


class Life:
    """One trader with real processes."""

    def __init__(self, stack: Stack, price: SetPrice) -> None:
        self.stack, self.price = stack, price
        self.outside, self.trader = Outside(stack.url, stack.sandbox_url), new_trader()
        Trader.objects.filter(pk=self.trader.pk).update(execution_mode=Mode.LIVE)
        deposit(trader=self.trader, mode=Mode.LIVE, amount_usd=Decimal(10_000), reference="wallet")

    def link(self) -> str:
        """The token in the message that brings the link."""
        self.outside.says(self.trader, "/connect")

        def token() -> str:
            path = f"/messages?chat_id={self.trader.chat_id}"
            match = re.search(r"/connect/([\w-]+)/", json.dumps(self.outside.control("GET", path)))
            return match[1] if match else ""

        return wait_until(token, 30, "the link has come")

    def fault(self, kind: str, service: str = "batched-market", **terms: Any) -> None:
        self.outside.control("POST", "/faults", {"service": service, "kind": kind, **terms})

    def confirms(self) -> Order:
        """Type an opening and tap twice."""
        self.price("ETH/USD", "3000")
        before = Order.objects.count()
        self.outside.says(self.trader, "/long ETH 100 10x")
        wait_until(lambda: Order.objects.count() > before, 20, "there is a draft")
        order = Order.objects.latest("pk")
        assert (order.mode, order.state) == ("LIVE", "DRAFT"), order.decision
        for tap in ("confirm", "live"):
            self.price("ETH/USD", "3000")
            data = f"{tap}:{order.pk}:{order.quote_number}"
            self.outside.post(tap_update(self.trader, data, order.card_message_id)).raise_for_status()
        wait_until(lambda: _state(order) != "DRAFT", 20, "the order is confirmed")
        return order

    def ends(self, order: Order, state: str) -> None:
        wait_until(lambda: Order.objects.filter(pk=order.pk, ended_at__isnull=False).exists(), 90, f"{order} ends")
        assert _state(order) == state

    def closes(self) -> None:
        self.outside.says(self.trader, "/close ETH")
        wait_until(lambda: not Position.objects.filter(status="open").exists(), 90, "the position is closed")


def _state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


@pytest.fixture
def stack(eth: Market, settings: Settings, tmp_path: Path) -> Iterator[Stack]:
    settings.KEY_ENCRYPTION_KEYS = key_text("test")
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="a test")
    keys = {"KEY_ENCRYPTION_KEYS": settings.KEY_ENCRYPTION_KEYS, "CANARY_MAX_NOTIONAL_USD": "5000"}
    with Stack(*PROCESSES, log_dir=tmp_path, environment={**keys, "LOG_LEVEL": "DEBUG"}) as running:
        Outside(running.url, running.sandbox_url).control("POST", "/freeze", {"frozen": True})
        httpx.post(f"{running.sandbox_url}/control/price", json={"symbol": "ETH/USD", "price": "3000"})
        yield running


def everything(stack: Stack, heard: list[bytes]) -> dict[str, bytes]:
    """All that a run has left anywhere, and what went through Redis."""
    logs = {f"log of {name}": stack.log(name).encode() for name in PROCESSES}
    kept = leaks.redis_keys(settings.REDIS_URL, settings.CELERY_BROKER_URL)
    return {**logs, **leaks.tables(), **kept, "what Redis was sent": b"\n".join(heard)}


def known_secrets(stack: Stack, page: Page, delegate: Delegate) -> dict[str, bytes]:
    with delegate_keys.private_key(delegate) as key:
        private_key = bytes(key)
    encoded = settings.KEY_ENCRYPTION_KEYS.partition(":")[2]
    names = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "SECRET_KEY", "AUDIT_HMAC_KEY")
    return {
        "the delegate's key": private_key,
        "the key-encryption key": base64.b64decode(encoded),
        "the link's token": page.token.encode(),
        **{name: stack.environment[name].encode() for name in names},
    }


def test_a_whole_live_life_leaves_no_secret_anywhere(stack: Stack, price: SetPrice) -> None:
    life = Life(stack, price)
    with leaks.overheard(settings.REDIS_URL) as heard:
        page = Page(stack, life.link())
        page.connects()
        delegate = Delegate.objects.get(status="active")
        secrets = known_secrets(stack, page, delegate)
        life.ends(life.confirms(), "FILLED")
        life.closes()
        life.fault("status", status=502, when="before", count=1)
        life.fault("lost_accept", count=1)
        life.ends(life.confirms(), "FILLED")
        life.closes()
        life.fault("status", status=400, when="before", count=1)
        life.ends(life.confirms(), "REJECTED")
        Delegate.objects.filter(pk=delegate.pk).update(wrapped_key={**(delegate.wrapped_key or {}), "data_key": "AAAA"})
        life.confirms()
        wait_until(lambda: VenueAlarm.objects.filter(kind="key").exists(), 30, "the key is missed")
        places = everything(stack, heard)

    assert Attempt.objects.count() >= 5
    assert {"log of worker-signing", "table public.trading_delegate", "table public.trading_intent"} <= set(places)
    assert delegate.address.encode() in places["table public.trading_delegate"]
    assert b"drain_signing" in places["what Redis was sent"]
    assert leaks.found(secrets, places) == []


PLANTED: dict[str, Callable[[Stack, str], object]] = {
    "log of web": lambda stack, text: (stack.log_dir / "web.log").open("a").write(text),
    "table public.trading_trader": lambda stack, text: Trader.objects.update(username=text),
    "Redis": lambda stack, text: redis.client().hset("planted", "field", text),
    "what Redis was sent": lambda stack, text: redis.client().publish("nobody", text),
}


@pytest.mark.parametrize("place", PLANTED)
@pytest.mark.parametrize("form", ["hex", "base64"])
def test_what_is_planted_is_found(eth: Market, tmp_path: Path, place: str, form: str) -> None:
    new_trader()
    stack = Stack(log_dir=tmp_path)
    for name in PROCESSES:
        (tmp_path / f"{name}.log").touch()
    with leaks.overheard(settings.REDIS_URL) as heard:
        PLANTED[place](stack, leaks.forms(SECRET)[form].decode())
    found = leaks.found({"it": SECRET}, everything(stack, heard))
    assert any(sentence.startswith(f"it as {form} in {place}") for sentence in found), found


@pytest.mark.parametrize("form", leaks.forms(SECRET))
def test_every_form_is_found_also_in_what_postgresql_copies(db: None, form: str) -> None:
    text = leaks.forms(SECRET)[form]
    assert f"it as {form} in a log" in leaks.found({"it": SECRET}, {"a log": b"before " + text + b" after"})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (value text, bytes bytea)")
        cursor.execute("INSERT INTO kept VALUES (%s, %s)", [text.decode("latin-1"), SECRET])
        told = leaks.found({"it": SECRET}, leaks.tables())
        cursor.execute("DROP TABLE kept")
    assert f"it as {form} in table public.kept" in told


def test_what_is_not_there_is_not_found() -> None:
    assert leaks.found({"it": SECRET}, {"a log": b"nothing of it: 2021222324"}) == []
