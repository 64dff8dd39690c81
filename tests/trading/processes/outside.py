"""Vanta as the outside world meets it: the webhook and the sandbox of one run, and the rows that the run writes."""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import environ
import httpx
from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.test import override_settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import LastMark, Market
from feeds.price_terms import forget_price_terms
from tests.factories import make_order, make_trader
from tests.waiting import wait_until
from trading.models import Account, LedgerEntry, Order, Trader
from trading.telegram import cards
from trading.telegram.webhook import SECRET_HEADER
from vanta import clock
from vanta.redis import client as application_redis

PRICED_WITHIN_S = 30
SETTINGS = ("REDIS_URL", "CELERY_BROKER_URL", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET")
_update_ids = count(clock.now_ms() * 1000)


@contextlib.contextmanager
def connected_to(environment: Mapping[str, str]) -> Iterator[None]:
    """Inside, the models and feeds of this process are those of the processes with this environment."""
    database = environ.Env.db_url_config(environment["DATABASE_URL"])
    ours = {name: database[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
    before = {name: connection.settings_dict[name] for name in ours}
    connection.close()
    connection.settings_dict.update(ours)
    with override_settings(**{name: environment[name] for name in SETTINGS if name in environment}):
        _forget_caches()
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)
            _forget_caches()


class Outside:
    """One run of Vanta at `url`, and the sandbox that stands in for the rest of the world."""

    def __init__(self, url: str, sandbox_url: str) -> None:
        self.url, self.sandbox_url = url, sandbox_url
        self.http = httpx.Client(timeout=15, trust_env=False)

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A call of the sandbox's control API."""
        answer = self.http.request(method, f"{self.sandbox_url}/control{path}", json=body)
        return answer.raise_for_status().json()

    def messages(self, trader: Trader) -> list[str]:
        """The texts that the trader's chat shows, oldest first."""
        shown = self.control("GET", f"/messages?chat_id={trader.chat_id}")["messages"]
        return [message["text"] for message in shown]

    def says(self, trader: Trader, text: str) -> None:
        """The trader types; Telegram delivers it."""
        self.control("POST", "/messages", {"user_id": trader.telegram_id, "text": text})

    def delivers(self, update: dict[str, Any], queue: int) -> None:
        """Telegram delivers this update, again and again until it is answered 2xx, behind others of the same queue."""
        self.control("POST", f"/webhook?chat_id={queue}", update)

    def post(self, update: dict[str, Any]) -> httpx.Response:
        """One call of the webhook, by the test itself."""
        headers = {SECRET_HEADER: settings.TELEGRAM_WEBHOOK_SECRET}
        return self.http.post(f"{self.url}/telegram/webhook/", json=update, headers=headers)

    def wait_for_price(self, symbol: str = "ETH/USD") -> Decimal:
        """The mark price, once beat and the feeds' worker have brought one."""
        is_mirrored = LastMark.objects.filter(price_symbol=symbol).exists
        return wait_until(lambda: is_mirrored() and mark(symbol), PRICED_WITHIN_S, f"{symbol} has a price") or Decimal(
            0
        )

    def draft(self, trader: Trader, symbol: str = "ETH/USD", **changes: Any) -> Order:
        """A draft whose preview is in the trader's chat."""
        quoted_price = self.wait_for_price(symbol)
        market = Market.objects.get(symbol=symbol)
        order = make_order(trader=trader, market=market, quoted_price=quoted_price, **changes)
        card = {"chat_id": trader.chat_id, **cards.preview(order)}
        url = f"{self.sandbox_url}/telegram/bot{settings.TELEGRAM_BOT_TOKEN}/sendMessage"
        order.card_message_id = self.http.post(url, json=card).raise_for_status().json()["result"]["message_id"]
        order.save(update_fields=["card_message_id"])
        return order


def new_trader() -> Trader:
    """Somebody with the DRY starting balance."""
    return make_trader(telegram_id=secrets.randbelow(10**9) + 10**9)


def mark(symbol: str) -> Decimal | None:
    """The mark price now, if there is one."""
    found = feeds.mark_prices([symbol])[symbol]
    return found.price if isinstance(found, MarkPrice) else None


def tap_update(trader: Trader, data: str, message_id: int | None = None) -> dict[str, Any]:
    """A tap as Telegram reports it."""
    query = {
        "id": secrets.token_hex(8),
        "from": _person(trader),
        "message": {"message_id": message_id, "date": 1_790_000_000, "chat": _chat(trader)},
        "chat_instance": str(trader.chat_id),
        "data": data,
    }
    return {"update_id": next(_update_ids), "callback_query": query}


def confirmation(order: Order) -> dict[str, Any]:
    """The tap on an order's Confirm."""
    return tap_update(order.trader, f"confirm:{order.pk}", order.card_message_id)


def text_update(trader: Trader, text: str) -> dict[str, Any]:
    """A text message as Telegram reports it."""
    message = {"message_id": 1, "from": _person(trader), "chat": _chat(trader), "date": 1_790_000_000, "text": text}
    return {"update_id": next(_update_ids), "message": message}


def filled(wanted: list[int]) -> int:
    """How many of these orders are filled."""
    return Order.objects.filter(pk__in=wanted, state="FILLED").count()


def assert_books_balance() -> None:
    """The ledger sums to zero, and every account's free balance is what its entries say."""
    assert LedgerEntry.objects.aggregate(total=Sum("amount_usd"))["total"] in (None, 0)
    sums = LedgerEntry.objects.filter(account="free").values("trader_id", "mode").annotate(total=Sum("amount_usd"))
    kept = {(row.trader_id, row.mode): row.free_balance_usd for row in Account.objects.all()}
    assert kept == {(row["trader_id"], row["mode"]): row["total"] for row in sums}


def _person(trader: Trader) -> dict[str, Any]:
    return {"id": trader.telegram_id, "is_bot": False, "first_name": trader.first_name}


def _chat(trader: Trader) -> dict[str, Any]:
    return {"id": trader.chat_id, "type": "private"}


def _forget_caches() -> None:
    application_redis.cache_clear()
    forget_price_terms()
