"""`/risk set`: a trader tightens their own limits at once and for good; only a super admin loosens."""

from decimal import Decimal

import pytest

from feeds.models import Market
from risk import policies
from risk.limits import Value, value_of
from risk.models import PolicyTerms
from tests.factories import make_policy, make_position
from tests.trading.people import Person
from trading.limits import binding_of
from trading.models import Position
from trading.services import placing
from trading.telegram.limit_words import parse_setting
from trading.telegram.numbers import Mistake
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
D = Decimal


def binds(person: Person, name: str) -> Value | None:
    return value_of(binding_of(person.trader).limits, name)


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("leverage 20", {"max_leverage": D(20)}),
        ("LEVERAGE 20x", {"max_leverage": D(20)}),
        ("leverage=x20", {"max_leverage": D(20)}),
        ("size 10k", {"max_position_size_usd": D(10_000)}),
        ("size $2,500", {"max_position_size_usd": D(2500)}),
        ("account_risk 5%", {"max_account_risk_pct": D("0.05")}),
        ("account-risk 0.05", {"max_account_risk_pct": D("0.05")}),
        ("buffer 20%", {"liquidation_buffer_pct": D("0.2")}),
        ("daily_loss = 2.5%", {"max_daily_loss_pct": D("0.025")}),
        ("opens_per_minute 2", {"opens_per_minute": 2}),
        ("trades_per_day 10", {"trades_per_day": 10}),
        ("hourly_volume 5k", {"hourly_volume_usd": D(5000)}),
        ("daily_volume 20000usdc", {"daily_volume_usd": D(20_000)}),
        ("cooldown 90", {"cooldown_minutes": 90}),
        ("cooldown 2h", {"cooldown_minutes": 120}),
        ("drawdown 10% 7d", {"drawdown_pct": D("0.1"), "drawdown_days": 7}),
        ("stops 3 24h", {"market_stops": 3, "market_stops_hours": 24}),
        ("stops 3 1d", {"market_stops": 3, "market_stops_hours": 24}),
    ],
)
def test_settings_are_understood_as_people_write_them(typed: str, values: dict[str, Value]) -> None:
    assert parse_setting(typed.split()) == values


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "missing_limit"),
        ("luck 5", "not_a_limit"),
        ("price_max_age_s 1", "not_a_limit"),
        ("leverage", "missing_value"),
        ("leverage ten", "not_a_leverage"),
        ("leverage 0.5", "leverage_out_of_range"),
        ("size 0", "not_positive"),
        ("size -5", "not_an_amount"),
        ("daily_loss 5", "not_a_fraction"),
        ("daily_loss 101%", "not_a_fraction"),
        ("daily_loss 0%", "not_positive"),
        ("trades_per_day 1.5", "not_a_count"),
        ("trades_per_day 0", "not_a_count"),
        ("cooldown 3w", "not_a_count"),
        ("leverage 20 30", "not_understood"),
    ],
)
def test_what_is_not_understood_is_named(typed: str, problem: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_setting(typed.split())
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    "typed", ["/risk set", "/risk set luck 5", "/risk set leverage", "/risk set drawdown 10%", "/risk x"]
)
def test_a_mistake_is_answered_with_an_example_and_changes_nothing(ada: Person, eth: Market, typed: str) -> None:
    assert "/risk set leverage 20" in ada.answer(typed)
    assert not PolicyTerms.objects.exists()


def test_tightening_shows_old_and_new_and_binds_the_next_order(ada: Person, eth: Market) -> None:
    draft = ada.drafts("/long ETH 100 10x")
    answer = ada.answer("/risk set leverage 5")
    assert "Leverage  500x → <b>5x</b>" in answer
    assert placing.place(trader=ada.trader, order_id=draft.pk).reason == "leverage"
    assert "Leverage  <b>5x</b>  · own" in ada.answer("/risk")


def test_it_is_audited(ada: Person, eth: Market) -> None:
    ada.types("/risk set leverage 20")
    ada.types("/risk set daily_loss 5%")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor, entry.action) == (f"telegram:{ada.id}", "policy.change")
    assert entry.before == {"policy": f"own:{ada.id}", "max_daily_loss_pct": None}
    assert (entry.after or {})["max_daily_loss_pct"] == "0.05"
    assert binds(ada, "max_leverage") == 20  # what was set before goes on


@pytest.mark.parametrize(("typed", "kept"), [("30", 20), ("20.01", 20), ("500", 20)])
def test_nobody_undoes_their_own_tightening(ada: Person, eth: Market, typed: str, kept: int) -> None:
    ada.types("/risk set leverage 20")
    answer = ada.answer(f"/risk set leverage {typed}")
    assert "Only a super admin can loosen a limit; ask them" in answer
    assert "Leverage is <b>20x</b>" in answer
    assert binds(ada, "max_leverage") == kept
    assert PolicyTerms.objects.count() == 1


def test_what_binds_already_is_said_and_not_written(ada: Person, eth: Market) -> None:
    assert "binds like that already" in ada.answer("/risk set leverage 500")
    assert not PolicyTerms.objects.exists()


def test_a_value_between_the_own_and_the_tiers_limit_is_looser_than_what_binds(ada: Person, eth: Market) -> None:
    ada.types("/risk set leverage 30")
    trader = ada.trader
    trader.tier = make_policy("Beginners", kind="tier", max_leverage=D(10))
    trader.save()
    assert "ask them" in ada.answer("/risk set leverage 20")
    assert binds(ada, "max_leverage") == 10


def test_a_pair_is_set_whole_or_not_at_all(ada: Person, eth: Market) -> None:
    ada.types("/risk set drawdown 10% 7d")
    assert "ask them" in ada.answer("/risk set drawdown 5% 3d")
    assert (binds(ada, "drawdown_pct"), binds(ada, "drawdown_days")) == (D("0.1"), 7)
    ada.types("/risk set drawdown 5%")
    assert (binds(ada, "drawdown_pct"), binds(ada, "drawdown_days")) == (D("0.05"), 7)


def test_a_tightening_that_makes_others_unreachable_is_warned_of(ada: Person, eth: Market) -> None:
    answer = ada.answer("/risk set daily_loss 5%")
    assert "⚠️ One position may lose 10.00 % of the equity, but a day only 5.00 %" in answer
    assert "volume of an hour" not in answer  # it was so before


def test_the_buffers_of_their_open_positions_follow_at_once(ada: Person, grace: Person, eth: Market) -> None:
    for person in (ada, grace):
        person.types("/start")
    mine, others = make_position(trader=ada.trader), make_position(trader=grace.trader)
    ada.types("/risk set buffer 20%")
    assert Position.objects.get(pk=mine.pk).buffer_pct == D("0.2")
    assert Position.objects.get(pk=others.pk).buffer_pct == D("0.05")


def test_risk_says_where_each_limit_comes_from(ada: Person, eth: Market) -> None:
    ada.types("/risk set cooldown 60")
    trader = ada.trader
    trader.tier = make_policy("Beginners", kind="tier", max_leverage=D(50))
    trader.policy = make_policy("Ada & co", trades_per_day=9)
    trader.save()
    page = ada.answer("/risk")
    for line in (
        "policy Beginners + Ada &amp; co",
        "Leverage  <b>50x</b>  · tier",
        "Openings in a day  <b>9</b>  · policy",
        "Cool-down after a stop-out  <b>60 min</b>  · own",
        "Size in one market  <b>100,000 USDC</b>\n",
    ):
        assert line in page, page
    assert policies.in_force([trader.own_policy_id])
