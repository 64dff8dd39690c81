"""All of Vanta's processes on a PostgreSQL and a Redis of the tests' own, and people who trade through the sandbox."""

import contextlib
import secrets
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Sum
from django.test import override_settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import Market
from feeds.price_terms import forget_price_terms
from feeds.services import refresh_markets
from feeds.sources import close_sources
from tests.factories import make_order, make_trader
from tests.stack import Stack
from tests.waiting import wait_until
from trading.models import Account, LedgerEntry, Order, OutboxMessage, TelegramUpdate, Trader
from trading.telegram import cards
from trading.telegram.webhook import SECRET_HEADER
from vanta import clock
from vanta.devservices import DevServices
from vanta.redis import client as application_redis
from vanta.supervision.environment import sandbox_urls

PROCESSES = ("sandbox", "web", "worker-feeds", "worker-trading", "worker-messages", "beat", "dispatcher")
READY_WITHIN_S = 30
_update_ids = count(clock.now_ms() * 1000)


class System:
    """The running whole. `connected` points this process's ORM and Redis at it."""

    def __init__(self, services: DevServices, log_dir: Path) -> None:
        self.services = services
        with self.connected():
            call_command("migrate", verbosity=0)
            self.stack = Stack(*PROCESSES, log_dir=log_dir, environment=services.environment())
        self.http = httpx.Client(timeout=15, trust_env=False)

    def learn_markets(self) -> None:
        """Store the sandbox's catalogue, which beat does for the first time after half a minute."""
        with self.connected(), override_settings(**sandbox_urls(self.stack.sandbox_url)):
            close_sources()
            refresh_markets()
            close_sources()

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Inside, models and feeds are those of the running processes."""
        database = self.services.postgres
        ours = {"HOST": "127.0.0.1", "PORT": database.port, "NAME": "vanta", "USER": "vanta"}
        before = {name: connection.settings_dict[name] for name in (*ours, "PASSWORD")}
        urls = self.services.environment()
        connection.close()
        connection.settings_dict.update(ours, PASSWORD=database.password)
        with override_settings(REDIS_URL=urls["REDIS_URL"], CELERY_BROKER_URL=urls["CELERY_BROKER_URL"]):
            _forget_caches()
            try:
                yield
            finally:
                connection.close()
                connection.settings_dict.update(before)
                _forget_caches()

    def make_whole(self) -> None:
        """Whatever the test before has broken works again."""
        for server in self.services.servers:
            if not server.alive():
                server.restart()
        if self.stack.revive():
            for name in PROCESSES:
                self.stack.wait_ready(name)
        self.control("DELETE", "/faults")
        self.control("POST", "/freeze", {"frozen": False})
        self.wait_for_prices()

    def wait_for_prices(self) -> None:
        """Until beat and the feeds' worker have brought what an opening needs."""
        wait_until(lambda: self.mark("ETH/USD"), READY_WITHIN_S, "beat and the feeds' worker bring a price")

    def mark(self, symbol: str) -> Decimal | None:
        """The mark price now, if there is one."""
        mark = feeds.mark_prices([symbol])[symbol]
        return mark.price if isinstance(mark, MarkPrice) else None

    # --- the sandbox

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A call of the sandbox's control API."""
        answer = self.http.request(method, f"{self.stack.sandbox_url}/control{path}", json=body)
        return answer.raise_for_status().json()

    def fault(self, service: str, kind: str, **more: Any) -> None:
        """Break a service of the sandbox until the faults are cleared."""
        self.control("POST", "/faults", {"service": service, "kind": kind, **more})

    def messages(self, trader: Trader) -> list[dict[str, Any]]:
        """What the trader's chat shows, oldest first."""
        found: list[dict[str, Any]] = self.control("GET", f"/messages?chat_id={trader.chat_id}")["messages"]
        return found

    def says(self, trader: Trader, text: str) -> None:
        """The trader types; Telegram delivers it."""
        self.control("POST", "/messages", {"user_id": trader.telegram_id, "text": text})

    def taps(self, trader: Trader, message_id: int, data: str) -> None:
        """The trader taps a button that the message really has; Telegram delivers it."""
        self.control("POST", "/taps", {"user_id": trader.telegram_id, "message_id": message_id, "data": data})

    def delivers(self, update: dict[str, Any], queue: int) -> None:
        """Telegram delivers this update, again and again until it is answered 2xx, behind others of the same queue."""
        self.control("POST", f"/webhook?chat_id={queue}", update)

    # --- the webhook, called directly

    def post(self, update: dict[str, Any]) -> httpx.Response:
        """One call of the webhook."""
        headers = {SECRET_HEADER: settings.TELEGRAM_WEBHOOK_SECRET}
        return self.http.post(f"{self.stack.url}/telegram/webhook/", json=update, headers=headers)

    # --- rows

    def trader(self) -> Trader:
        """Somebody new with the DRY starting balance."""
        return make_trader(telegram_id=secrets.randbelow(10**9) + 10**9)

    def draft(self, trader: Trader, symbol: str = "ETH/USD", **changes: Any) -> Order:
        """A draft whose preview is in the trader's chat."""
        quoted_price = wait_until(lambda: self.mark(symbol), READY_WITHIN_S, f"{symbol} has a price")
        market = Market.objects.get(symbol=symbol)
        order = make_order(trader=trader, market=market, quoted_price=quoted_price, **changes)
        card = {"chat_id": trader.chat_id, **cards.preview(order)}
        url = f"{self.stack.sandbox_url}/telegram/bot{settings.TELEGRAM_BOT_TOKEN}/sendMessage"
        order.card_message_id = self.http.post(url, json=card).raise_for_status().json()["result"]["message_id"]
        order.save(update_fields=["card_message_id"])
        return order

    def opened(self, trader: Trader, **changes: Any) -> Order:
        """An order that the trader has confirmed and that is filled."""
        order = self.draft(trader, **changes)
        self.post(confirmation(order)).raise_for_status()
        self.wait_filled(order)
        order.refresh_from_db()
        return order

    def wait_filled(self, *orders: Order, within_s: float = 20) -> None:
        """Until every order is filled; processes that ended are started again, as their supervisor would."""
        wanted = [order.pk for order in orders]

        def settled() -> bool:
            self.stack.revive()
            return filled(wanted) == len(wanted)

        try:
            wait_until(settled, within_s, "all orders are filled")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._state_of(wanted)}") from None

    def wait_quiet(self, within_s: float = 30) -> None:
        """Until no update waits and no message is owed."""

        def quiet() -> bool:
            self.stack.revive()
            waiting = TelegramUpdate.objects.filter(status="new").exists()
            return not waiting and not OutboxMessage.objects.filter(status="pending").exists()

        wait_until(quiet, within_s, "every update is handled and every message sent")

    def _state_of(self, wanted: list[int]) -> str:
        odd = Order.objects.filter(pk__in=wanted).exclude(state="FILLED").values_list("pk", "state", "reason")[:20]
        waiting = TelegramUpdate.objects.filter(status="new").count()
        alive = {name: self.stack.alive(name) for name in PROCESSES}
        return f"orders {list(odd)}, {waiting} updates wait, processes {alive}"


def tap_update(trader: Trader, data: str, message_id: int | None = None) -> dict[str, Any]:
    """A tap as Telegram reports it."""
    chat = {"id": trader.chat_id, "type": "private"}
    query = {
        "id": secrets.token_hex(8),
        "from": {"id": trader.telegram_id, "is_bot": False, "first_name": trader.first_name},
        "message": {"message_id": message_id, "date": 1_790_000_000, "chat": chat},
        "chat_instance": str(trader.chat_id),
        "data": data,
    }
    return {"update_id": next(_update_ids), "callback_query": query}


def confirmation(order: Order) -> dict[str, Any]:
    """The tap on an order's Confirm."""
    return tap_update(order.trader, f"confirm:{order.pk}", order.card_message_id)


def text_update(trader: Trader, text: str) -> dict[str, Any]:
    """A text message as Telegram reports it."""
    sender = {"id": trader.telegram_id, "is_bot": False, "first_name": trader.first_name}
    chat = {"id": trader.chat_id, "type": "private"}
    message = {"message_id": 1, "from": sender, "chat": chat, "date": 1_790_000_000, "text": text}
    return {"update_id": next(_update_ids), "message": message}


def filled(wanted: list[int]) -> int:
    """How many of these orders are filled."""
    return Order.objects.filter(pk__in=wanted, state="FILLED").count()


def assert_books_balance() -> None:
    """The ledger sums to zero, and every account's free balance is what its entries say."""
    assert LedgerEntry.objects.aggregate(total=Sum("amount_usd"))["total"] in (None, 0)
    free = {
        (row["trader_id"], row["mode"]): row["total"]
        for row in LedgerEntry.objects.filter(account="free")
        .values("trader_id", "mode")
        .annotate(total=Sum(F("amount_usd")))
    }
    kept = {(row.trader_id, row.mode): row.free_balance_usd for row in Account.objects.all()}
    assert kept == free


def ping(url: str) -> bool:
    """Whether the Redis at `url` answers."""
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _forget_caches() -> None:
    application_redis.cache_clear()
    forget_price_terms()
