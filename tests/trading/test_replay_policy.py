"""`manage.py replay_policy`: past orders decided again under a proposal; nothing is written."""

import datetime as dt
import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from feeds.models import Market
from risk.limits import Terms
from risk.models import PolicyTerms
from tests.factories import make_policy
from tests.trading.people import Person
from tests.trading.pipeline import approve
from tests.trading.timeline import HOUR, NOON, Timeline, timeline
from trading.limits import policies_of
from trading.models import Order, OrderEvent
from trading.replay import Proposal, Replay, replay
from trading.services.traders import deposit
from vanta import clock
from vanta.models import AuditEntry

__all__ = ["timeline"]
pytestmark = pytest.mark.django_db
D = Decimal


def replayed(person: Person, may_loosen: bool = False, **limits: Any) -> Replay:
    """What a policy with these limits would have done to a person's last day."""
    tier, _, own = policies_of(person.trader)
    proposal = Proposal({person.trader.pk: (tier, 0, own)}, {0: Terms(limits, may_loosen)})
    return replay(proposal, since=clock.now() - dt.timedelta(days=1))


def command(*words: str) -> str:
    out = StringIO()
    call_command("replay_policy", *words, stdout=out)
    return out.getvalue()


def verdicts(found: Replay) -> list[bool]:
    return [each.would_be_approved for each in found.decisions]


def test_under_the_same_limits_nothing_changes(ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 100 10x sl=2900")
    approve(ada, "/long ETH 200 10x")
    ada.types("/long ETH 3000 2x")
    ada.types("/long ETH 100 200x")
    approve(ada, "/limit ETH long 100 10x @2900")
    ada.types("/limit ETH long 100 10x @3100")
    found = replayed(ada)
    assert verdicts(found) == [True, True, False, False, True, False]
    assert (found.changed, found.without_limits) == ([], 0)


# The order is approved: 100 USDC at 10x, size 1 000, without a stop its worst loss is 100 of 10 000, day as well.
@pytest.mark.parametrize(
    ("limits", "code", "limit"),
    [
        ({"max_leverage": D("9.99")}, "leverage", D("9.99")),
        ({"max_position_size_usd": D("999.99")}, "position_size", D("999.99")),
        ({"max_account_risk_pct": D("0.0099")}, "account_risk", D(99)),
        ({"max_daily_loss_pct": D("0.0099")}, "daily_loss", D(99)),
        ({"hourly_volume_usd": D("999.99")}, "hourly_volume", D("999.99")),
        ({"daily_volume_usd": D("999.99")}, "daily_volume", D("999.99")),
        ({"opens_per_minute": 0}, "opens_per_minute", D(0)),
        ({"trades_per_day": 0}, "trades_per_day", D(0)),
        ({"liquidation_buffer_pct": D("0.9999")}, "liquidation_buffer", None),
        ({"price_max_uncertainty_share": D("0.00000001")}, "price_uncertain", None),
    ],
)
def test_a_tighter_limit_denies_what_it_measures_too_large(
    ada: Person, eth: Market, limits: dict[str, Any], code: str, limit: Decimal | None
) -> None:
    approve(ada, "/long ETH 100 10x")
    (changed,) = replayed(ada, **limits).changed
    assert (changed.was_approved, changed.would_be_approved) == (True, False)
    (check,) = changed.checks
    assert check.code == code
    assert limit is None or check.limit == limit


@pytest.mark.parametrize(
    "limits",
    [
        {"max_leverage": D(10)},
        {"max_position_size_usd": D(1000)},
        {"max_account_risk_pct": D("0.01")},
        {"max_daily_loss_pct": D("0.01")},
        {"hourly_volume_usd": D(1000)},
        {"daily_volume_usd": D(1000)},
        {"opens_per_minute": 1},
        {"trades_per_day": 1},
    ],
)
def test_a_limit_that_just_fits_changes_nothing(ada: Person, eth: Market, limits: dict[str, Any]) -> None:
    approve(ada, "/long ETH 100 10x")
    assert replayed(ada, **limits).changed == []


def test_a_looser_policy_approves_what_only_its_limits_had_denied(ada: Person, eth: Market) -> None:
    ada.types("/long ETH 1500 5x")  # account_risk: 1 500 of 1 000
    ada.types("/long ETH 1500 200x")  # and leverage beyond the pair, position_size
    first, second = replayed(ada, may_loosen=True, max_account_risk_pct=D("0.15")).decisions
    assert (first.was_approved, first.would_be_approved) == (False, True)
    assert (second.was_approved, second.would_be_approved) == (False, False)
    assert verdicts(replayed(ada, max_account_risk_pct=D("0.15"))) == [False, False]  # it may not loosen


def test_the_pairs_own_leverage_binds_whatever_a_policy_says(ada: Person, eth: Market) -> None:
    ada.types("/long ETH 10 80x")
    assert verdicts(replayed(ada, may_loosen=True, max_leverage=D(1000))) == [False]


def test_an_order_that_would_be_denied_leaves_its_window_to_the_next(ada: Person, eth: Market) -> None:
    """9 000 of the hour's 10 000 at 10x; without them two of the refused 4 000 fit, and then the hour is full."""
    approve(ada, "/long ETH 900 10x sl=2900")
    for _ in range(3):
        ada.types("/long ETH 800 5x sl=2900")
    assert [order.state for order in ada.orders] == ["APPROVED", "DENIED", "DENIED", "DENIED"]
    found = replayed(ada, max_leverage=D(9))
    assert [each.checks[0].code for each in found.changed] == ["leverage", "hourly_volume", "hourly_volume"]
    assert verdicts(found) == [False, True, True, False]


def test_openings_before_the_window_that_is_replayed_still_count(ada: Person, eth: Market, timeline: Timeline) -> None:
    timeline.at(NOON)
    approve(ada, "/long ETH 100 10x")
    timeline.at(NOON + 23 * HOUR)
    approve(ada, "/long ETH 100 10x")
    timeline.at(NOON + 25 * HOUR)
    assert verdicts(replayed(ada, trades_per_day=1)) == [False]


def test_equity_is_that_of_the_day_of_the_order(ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 900 5x")
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(90_000), reference="later")
    assert verdicts(replayed(ada, max_account_risk_pct=D("0.08"))) == [False]


def test_an_order_of_a_disabled_trader_stays_denied(ada: Person, eth: Market) -> None:
    ada.types("/start")
    trader = ada.trader
    trader.is_active = False
    trader.save()
    ada.types("/long ETH 100 10x")
    assert ada.orders[0].reason == "trader_disabled"
    assert verdicts(replayed(ada, may_loosen=True, max_leverage=D(1000))) == [False]


def test_orders_from_before_limits_were_kept_are_decided_with_todays_and_counted(ada: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x")
    Order.objects.filter(pk=order.pk).update(decision={"checks": order.decision["checks"]})
    found = replayed(ada, max_account_risk_pct=D("0.0099"))
    assert (verdicts(found), found.without_limits) == ([False], 1)


def test_a_day_that_would_be_locked_stays_locked(ada: Person, eth: Market, timeline: Timeline) -> None:
    timeline.at(NOON)
    first = approve(ada, "/long ETH 100 2x")
    second = approve(ada, "/long ETH 100 2x")
    for order, loss in ((first, "300"), (second, "0")):
        checks = [
            {**check, "measured": loss} if check["code"] == "daily_loss_locked" else check
            for check in order.decision["checks"]
        ]
        Order.objects.filter(pk=order.pk).update(decision={**order.decision, "checks": checks})
    found = replayed(ada, max_daily_loss_pct=D("0.03"))
    assert [[check.code for check in each.checks] for each in found.changed] == [["daily_loss_locked"]] * 2


def test_it_prints_what_changes_what_is_held_and_writes_nothing(ada: Person, grace: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x")
    approve(grace, "/long ETH 100 10x")
    rows = (Order, OrderEvent, PolicyTerms, AuditEntry)
    before = [list(model.objects.order_by("pk").values()) for model in rows]
    told = command("--trader", str(ada.id), "--set", "max_leverage=5", "--set", "size=10k", "--since", "2h")
    assert f"#{order.pk}" in told
    assert "approved → denied" in told
    assert "leverage: 10, passed by 75 → refused by 5" in told
    assert "1 orders decided again: 1 approved → denied, 0 denied → approved, 0 as they were." in told
    assert "Denied by: leverage ×1" in told
    assert "Held as they were: prices, equity" in told
    assert [list(model.objects.order_by("pk").values()) for model in rows] == before


def test_a_policy_is_replayed_for_all_its_traders_as_json(ada: Person, grace: Person, eth: Market) -> None:
    policy = make_policy("Beginners", kind="tier", max_leverage=D(50))
    for person in (ada, grace):
        person.types("/start")
    trader = ada.trader
    trader.tier = policy
    trader.save()
    approve(ada, "/long ETH 100 10x")
    approve(grace, "/long ETH 100 10x")
    told = json.loads(command("--policy", "Beginners", "--set", "leverage=5", "--set", "drawdown_pct=10%", "--json"))
    assert told["decided_again"] == 1
    (changed,) = told["changed"]
    assert (changed["trader"], changed["was"], changed["would_be"]) == (ada.id, "approved", "denied")
    assert changed["checks"][0]["limit"] == "5"
    assert any("drawdown days is missing" in sentence for sentence in told["contradictions"])
    assert json.loads(command("--policy", "Beginners", "--json"))["changed"] == []


def test_a_file_holds_the_proposal_and_set_has_the_last_word(ada: Person, eth: Market, tmp_path: Path) -> None:
    ada.types("/long ETH 1500 5x")
    file = tmp_path / "proposed.json"
    file.write_text(json.dumps({"max_account_risk_pct": 0.15, "may_loosen": True, "max_leverage": None}))
    assert "denied → approved" in command("--trader", str(ada.id), "--file", str(file))
    assert "0 denied → approved" in command("--trader", str(ada.id), "--file", str(file), "--set", "account_risk=0.14")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy", "nobody's"], "There is no policy"),
        (["--trader", "1"], "There is no trader"),
        (["--policy", "careful", "--set", "luck=5"], "luck is no limit"),
        (["--policy", "careful", "--set", "max_leverage=ten"], "ten is no value"),
        (["--policy", "careful", "--since", "yesterday"], "--since is a time"),
        (["--policy", "careful", "--file", "/nowhere.json"], "is not JSON"),
    ],
)
def test_what_cannot_be_replayed_says_why(words: list[str], told: str) -> None:
    make_policy("careful")
    with pytest.raises(CommandError, match=told):
        command(*words)
