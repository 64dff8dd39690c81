"""The look at all accounts at once never leaves out one whose day's loss has reached its limit."""

import random
from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import LastMark, Market
from risk.models import RiskPolicy
from risk.rules import day as rules
from tests.factories import make_market, make_order, make_policy, make_position, make_trader
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.timeline import HOUR, MIDNIGHT, NOON, SECOND, Timeline, open_many, timeline
from trading import execution, guardian, near_limit, risk_inputs
from trading.limits import limits_of
from trading.models import Account, DayOpening, Placement, Position, Trader
from trading.services.traders import deposit
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["timeline"]
TRADERS = 40


def reached() -> set[int]:
    """Who has reached the limit and is not locked, by the rule itself, account by account."""
    desk = risk_inputs.Desk.of(list(Trader.objects.values_list("pk", flat=True)))
    found = set()
    for opening in desk.openings:
        account = risk_inputs.account_snapshot(desk.account(opening.trader_id, opening.mode))
        limits = limits_of(Trader.objects.get(pk=opening.trader_id))
        if opening.locked_at is None and rules.is_locked(account, limits):
            found.add(opening.trader_id)
    return found


def near() -> set[int]:
    return set(near_limit.near_limit(clock.now()))


def some(dice: random.Random, low: int, high: int) -> Decimal:
    return D(dice.randint(low * 1000, high * 1000)) / 1000


def make_markets(dice: random.Random, price: SetPrice) -> list[Market]:
    """A fixed-fee market and an Upside one with marks, one with a last price only, one that never had any."""
    eth, upside = make_market("ETH/USD"), make_market("ETH_UPSIDE/USD")
    remembered, unpriced = make_market("BTC/USD", spread_rate=D("0.003")), make_market("SOL/USD")
    price("ETH/USD", some(dice, 2800, 3200))
    Market.objects.filter(pk=upside.pk).update(upside_tier_gains_pct=["0", "50"], upside_tier_fees_pct=["20", "10"])
    at = clock.now() - HOUR
    LastMark.objects.create(
        price_symbol="BTC/USD", price=some(dice, 2700, 3300), uncertainty=D(1), as_of=at, sources=[], updated_at=at
    )
    return [eth, upside, remembered, unpriced]


def make_account(dice: random.Random, markets: list[Market], careful: list[RiskPolicy | None]) -> None:
    """Holdings of any kind, and a day that began with about as much."""
    trader = make_trader(policy=dice.choice(careful))
    account = Account.objects.get(trader=trader, mode="DRY")
    account.free_balance_usd = some(dice, 0, 200)
    account.save()
    positions = [
        make_position(
            trader=trader,
            market=dice.choice(markets),
            side=dice.choice(["long", "short"]),
            collateral_usd=some(dice, 1, 100),
            leverage=dice.choice([D(1), D(10), D(75)]),
            entry_price=some(dice, 2900, 3100),
            accrued_usd=some(dice, -1, 5),
        )
        for _ in range(dice.randint(0, 3))
    ]
    equity = account.free_balance_usd + sum((each.collateral_usd for each in positions), D(0))
    if dice.random() < 0.4:
        order = make_order(trader=trader, state="RESTING", order_type="limit", limit_price=D(2000))
        equity += Placement.objects.create(order=order, escrow_usd=some(dice, 1, 300)).escrow_usd
    lately = some(dice, -50, 50)
    if dice.random() < 0.9:
        DayOpening.objects.create(
            trader=trader,
            mode="DRY",
            day=clock.now().date(),
            free_usd=equity * some(dice, 0, 2),
            collateral_usd=max(lately, D(0)),
            unrealised_usd=min(lately, D(0)) if lately > 0 else D(0),
            deposited_usd=D(10_000) - max(some(dice, -3, 1), D(0)),
            locked_at=dice.choice([None, None, None, clock.now()]),
        )


@pytest.mark.parametrize("seed", range(8))
def test_whoever_has_reached_the_limit_is_among_them(seed: int, price: SetPrice) -> None:
    dice = random.Random(seed)
    policy = make_policy(max_daily_loss_pct=D("0.05"))
    markets = make_markets(dice, price)
    for _ in range(TRADERS):
        make_account(dice, markets, [None, policy])
    exposed = set(Position.objects.values_list("trader", flat=True))
    expected = reached() & exposed
    assert expected
    assert expected <= near() < exposed


def test_a_cent_decides_nothing(timeline: Timeline, ada: Person, eth: Market, settings: Settings) -> None:
    """It stands before the rule, not for it: who is a cent away is looked at, who is a dollar away is not."""
    timeline.at(NOON)
    open_many(ada, "/long ETH 1000 5x")
    timeline.at(NOON + SECOND, "2800")
    account = risk_inputs.account_snapshot(risk_inputs.holdings(ada.trader, "DRY"))
    lost = rules.day_loss_usd(account)
    for away, is_near in [("0", True), ("0.009", True), ("1", False)]:
        settings.MAX_DAILY_LOSS_PCT = (lost + D(away)) / rules.opening_equity_usd(account)
        assert near() == ({ada.trader.pk} if is_near else set())


def test_who_was_liquidated_is_looked_at_and_who_only_paid_in_is_not(
    timeline: Timeline, ada: Person, grace: Person, eth: Market, settings: Settings
) -> None:
    settings.MAX_ACCOUNT_RISK_PCT = D(1)
    settings.MAX_DAILY_LOSS_PCT = D("0.149")
    timeline.at(NOON)
    grace.types("/start")
    deposit(trader=grace.trader, mode="DRY", amount_usd=D(5), reference="more")
    open_many(ada, "/long ETH 1490 5x")
    timeline.at(NOON + SECOND, "2300")
    guardian.close_crossed()
    execution.drain()
    assert near() == {ada.trader.pk}
    timeline.at(MIDNIGHT + HOUR, "2300")
    assert near() == set()
