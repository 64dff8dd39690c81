"""Rows with valid minimal defaults; name what your test is about and leave the rest to these.

Markets, orders and positions are made without the services: no event, no ledger. A trader comes with a DRY account and
its first deposit, as `trading.services.traders` makes it.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from feeds.models import Market
from risk import policies
from risk.limits import SETTING_NAMES, Terms
from risk.margin import Side
from risk.models import RiskPolicy
from trading import history
from trading.models import DayOpening, Order, OutboxMessage, Position, Trader
from trading.models.loading import lock_traders
from trading.services.traders import register_trader
from vanta import clock, tracing

ETH_PRICE = Decimal("3000")
_numbers = count(1)


def make_trader(**changes: Any) -> Trader:
    """A trader in a private chat of their own, with the DRY starting balance."""
    number = next(_numbers)
    telegram_id = changes.pop("telegram_id", 700_000_000 + number)
    trader = register_trader(
        telegram_id=telegram_id,
        chat_id=changes.pop("chat_id", telegram_id),
        username=changes.pop("username", f"trader{number}"),
        first_name=changes.pop("first_name", f"Trader {number}"),
    )
    if changes:
        for name, value in changes.items():
            setattr(trader, name, value)
        trader.save(update_fields=list(changes))
    return trader


def make_policy(
    name: str = "careful",
    *,
    kind: str = RiskPolicy.Kind.POLICY,
    may_loosen: bool = False,
    limits: Mapping[str, Any] | None = None,
    **more: Any,
) -> RiskPolicy:
    """A policy that says so from now on; its limits by name, in a mapping or one by one."""
    policy = RiskPolicy.objects.create(name=name, kind=kind)
    policies.add_terms(policy, Terms({**(limits or {}), **more}, may_loosen), actor="test", reason="a test")
    return policy


def set_limits(trader: Trader, **limits: Any) -> dict[str, Any]:
    """Give the trader limits of their own, looser or tighter than the global ones; what is not named is the global one.

    Waits for decisions under way. Answers all limits, and the number in the order of the order events from which on
    they hold: what `tests.trading.ledger_audit` takes as history.
    """
    with transaction.atomic():
        lock_traders([trader.pk])
        policy, _ = RiskPolicy.objects.get_or_create(
            name=f"limits of trader {trader.pk}", defaults={"kind": RiskPolicy.Kind.POLICY}
        )
        policies.add_terms(policy, Terms(limits, may_loosen=True), actor="test", reason="a test")
        Trader.objects.filter(pk=trader.pk).update(policy=policy)
        trader.policy = policy
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('trading_orderevent', 'id'))")
            (number,) = cursor.fetchone()
    return in_history(trader, number, **limits)


def in_history(trader: Trader, from_event: int, **limits: Any) -> dict[str, Any]:
    """All limits of a trader from a number of the order events on, what is not named being the global one."""
    general = {name: getattr(settings, name.upper()) for name in SETTING_NAMES}
    return {"trader_id": trader.pk, "from_event": from_event} | general | limits


def make_market(symbol: str = "ETH/USD", **changes: Any) -> Market:
    """The market with this symbol, made where it does not exist yet; crypto, open, with ETH's usual terms."""
    existing = Market.objects.filter(symbol=symbol).first()
    if existing is not None:
        return existing
    base, _, quote = symbol.partition("/")
    plain_base = base.removesuffix("_UPSIDE")
    is_upside = base != plain_base
    defaults: dict[str, Any] = {
        "pair_index": Market.objects.count(),
        "base": base,
        "quote": quote,
        "group_index": 0,
        "group_name": "CRYPTO1",
        "is_upside": is_upside,
        "price_symbol": f"{plain_base}/{quote}",
        "coingecko_id": {"ETH": "ethereum", "BTC": "bitcoin"}.get(plain_base, ""),
        "min_leverage": Decimal(75 if is_upside else 1),
        "max_leverage": Decimal(500 if is_upside else 75),
        "spread_rate": Decimal("0.0001"),
        "open_fee_rate": Decimal("0" if is_upside else "0.00045"),
        "close_fee_rate": Decimal("0" if is_upside else "0.00045"),
        "min_notional_usd": Decimal(100),
        "max_gain_pct": Decimal(2500),
        "max_stop_loss_pct": Decimal(80),
        "headroom_long_usd": Decimal(1_000_000),
        "headroom_short_usd": Decimal(1_000_000),
        "refreshed_at": clock.now(),
    }
    return Market.objects.create(symbol=symbol, **{**defaults, **changes})


def make_position(**changes: Any) -> Position:
    """An open DRY long of 100 USDC at 10x in ETH/USD, entered at 3000."""
    defaults: dict[str, Any] = {
        "trader": changes.get("trader") or make_trader(),
        "market": changes.get("market") or make_market(),
        "side": Side.LONG,
        "collateral_usd": Decimal(100),
        "leverage": Decimal(10),
        "entry_price": ETH_PRICE,
        "liquidation_price": Decimal(2745),
    }
    return Position.objects.create(**{**defaults, **changes})


def make_order(**changes: Any) -> Order:
    """An opening of 100 USDC at 10x in ETH/USD, a DRAFT unless told otherwise; with its first event only as a DRAFT.

    A closing (`kind="close"`) gets a position to close where none is named.
    """
    now = clock.now()
    trader = changes.get("trader") or make_trader()
    defaults: dict[str, Any] = {
        "trader": trader,
        "market": changes.get("market") or make_market(),
        "kind": Order.Kind.OPEN,
        "side": Side.LONG,
        "collateral_usd": Decimal(100),
        "leverage": Decimal(10),
        "quoted_price": ETH_PRICE,
        "trace_id": tracing.new_trace_id(),
        "chat_id": trader.chat_id,
        "valid_until": now + dt.timedelta(seconds=30),
    }
    if changes.get("kind") == Order.Kind.CLOSE and not changes.get("position"):
        defaults["position"] = make_position(trader=trader, market=defaults["market"])
    order = Order.objects.create(**{**defaults, **changes})
    if "state" not in changes:
        history.record_draft(order)
    return order


def make_message(**changes: Any) -> OutboxMessage:
    """A message that waits for delivery."""
    defaults: dict[str, Any] = {
        "chat_id": next(_numbers),
        "method": "sendMessage",
        "payload": {"text": "Filled."},
        "trace_id": tracing.new_trace_id(),
    }
    return OutboxMessage.objects.create(**{**defaults, **changes})


def make_day_opening(**changes: Any) -> DayOpening:
    """Today's, of an account that held 10 000 USDC at 00:00 UTC and nothing else."""
    defaults: dict[str, Any] = {
        "trader": changes.get("trader") or make_trader(),
        "mode": "DRY",
        "day": clock.now().date(),
        "free_usd": Decimal(10_000),
        "collateral_usd": Decimal(0),
        "unrealised_usd": Decimal(0),
        "deposited_usd": Decimal(10_000),
    }
    return DayOpening.objects.create(**{**defaults, **changes})
