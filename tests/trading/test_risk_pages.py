"""What a trader sees of their risk: three numbers on the preview, /risk, the day's checks in /why."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.factories import make_order, make_policy
from tests.trading.people import Person, words
from tests.trading.pipeline import open_position
from tests.trading.test_cards import shown
from trading.telegram import cards

pytestmark = pytest.mark.django_db
D = Decimal


def test_the_preview_shows_loss_distance_and_the_days_budget(ada: Person, eth: Market) -> None:
    eth.volatility_per_sqrt_s = D("0.0001")
    eth.save()
    card = words(ada.types("/long ETH 100 10x sl=2900"))
    assert "you lose ≈ <b>36." in card
    assert "(8.49 % away)" in card
    assert "≈ 8 d of this market's usual movement" in card  # (0.0849 / 0.0001)² s
    assert "Today's loss budget  <b>1.8 %</b> of 2,000.00 USDC; used with all else 1.8 %" in card


def test_at_500x_the_market_needs_seconds(ada: Person, eth_upside: Market) -> None:
    card = shown(cards.preview(make_order(market=eth_upside, leverage=D(500), collateral_usd=D(20))))
    assert "0.16 % away" in card
    assert " s of this market's usual movement" in card


def test_the_budget_counts_what_is_open_and_waits(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 1000 2x")
    card = words(ada.types("/long ETH 100 2x"))
    assert "<b>5.0 %</b> of 2,000.00 USDC; used with all else 55.0 %" in card


def test_risk_shows_every_limit_and_its_use(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 500 10x")
    page = ada.answer("/risk")
    for line in (
        "DRY · policy global",
        "10,000.00 at 00:00 UTC",
        "Lost today  5.50 of 2,000.00 USDC  (0 %)",
        "Could be lost today  502.25 of 2,000.00 USDC  (25 %), with everything at its stop",
        "Left for new orders today  <b>1,497.75</b> USDC",
        "One position  may lose 999.45 USDC at its stop",
        "Leverage  <b>500x</b>",
        "ETH  5,000.00 of 100,000.00 USDC  (5 %)",
    ):
        assert line in page, page


def test_risk_shows_a_policy_of_ones_own(ada: Person, eth: Market) -> None:
    ada.types("/start")
    trader = ada.trader
    trader.policy = make_policy("careful <5>", max_leverage=D(20), max_daily_loss_pct=D("0.05"))
    trader.save()
    page = ada.answer("/risk")
    assert "policy careful &lt;5&gt;" in page
    assert "Leverage  <b>20x</b>  · policy" in page
    assert "0.00 of 500.00 USDC" in page


def test_why_shows_the_day_with_its_numbers(ada: Person, eth: Market) -> None:
    page = ada.answer(f"/why {ada.drafts('/long ETH 1000 2x').pk}")
    assert "✓ the day at its worst  1,000.00 ≤ 2,000.00" in page
    ada.types("/long ETH 3000 2x")
    page = ada.answer(f"/why {ada.orders[-1].pk}")
    assert "✗ daily_loss: the day at its worst  3,000.00 &gt; 2,000.00" in page


def test_a_denial_says_what_would_pass_today(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 1000 2x")
    card = words(ada.types("/long ETH 999.5 2x"))
    assert "With this order you could lose" in card
    assert "2,000.40 USDC today; the limit for a day is 2,000.00 USDC" in card
    assert "passes up to 999.10 USDC of collateral, or with a stop at" in card
