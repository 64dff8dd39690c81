"""Limits at the moment of a decision: read under the lock, in one statement, scheduled ones from their second on."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from feeds.models import Market
from risk import policies
from risk.limits import Terms
from risk.models import RiskPolicy
from tests.factories import make_order, make_policy, make_position
from tests.trading.people import Person
from tests.trading.pipeline import open_position
from tests.trading.races import at_once
from tests.trading.timeline import HOUR, NOON, Timeline, timeline
from tests.waiting import wait_until
from trading import buffer_shares
from trading.models import Order, Position, Trader
from trading.services import placing
from trading.services.limits import save_terms, tighten_own
from trading.services.placing import Confirmation

__all__ = ["timeline"]
pytestmark = pytest.mark.django_db
D = Decimal


def put_under(person: Person, policy: RiskPolicy) -> Trader:
    person.types("/start")
    trader = person.trader
    trader.tier = policy
    trader.save()
    return trader


def schedule(policy: RiskPolicy, at: dt.datetime, **limits: Decimal) -> None:
    policies.add_terms(policy, Terms(limits), actor="admin:root", reason="a test", effective_from=at)


def test_a_scheduled_limit_binds_orders_from_its_second_on(ada: Person, eth: Market, timeline: Timeline) -> None:
    tier = make_policy("Beginners", kind="tier")
    put_under(ada, tier)
    schedule(tier, NOON + HOUR, max_leverage=D(5))
    timeline.at(NOON + HOUR - dt.timedelta(milliseconds=1))
    assert ada.drafts("/long ETH 100 10x").state == "DRAFT"
    timeline.at(NOON + HOUR)
    ada.types("/long ETH 100 10x")
    assert ada.orders[-1].reason == "leverage"


def test_a_draft_from_before_is_decided_on_the_limits_of_its_confirmation(
    ada: Person, eth: Market, timeline: Timeline
) -> None:
    tier = make_policy("Beginners", kind="tier")
    put_under(ada, tier)
    schedule(tier, NOON + dt.timedelta(seconds=10), max_leverage=D(5))
    timeline.at(NOON)
    draft = ada.drafts("/long ETH 100 10x")
    timeline.at(NOON + dt.timedelta(seconds=10))
    assert placing.place(trader=ada.trader, order_id=draft.pk).reason == "leverage"


def test_a_scheduled_buffer_moves_open_positions_by_itself(ada: Person, eth: Market, timeline: Timeline) -> None:
    tier = make_policy("Beginners", kind="tier")
    put_under(ada, tier)
    timeline.at(NOON)
    position = open_position(ada)
    schedule(tier, NOON + HOUR, liquidation_buffer_pct=D("0.2"))
    assert buffer_shares.refresh() == 0
    timeline.at(NOON + HOUR)
    assert buffer_shares.refresh() == 1
    assert Position.objects.get(pk=position.pk).buffer_pct == D("0.2")


def test_buffers_follow_tier_policy_and_own_limits_of_each_trader(ada: Person, grace: Person, eth: Market) -> None:
    tier = make_policy("Beginners", kind="tier", liquidation_buffer_pct=D("0.1"))
    mine, others = (make_position(trader=put_under(person, tier)) for person in (ada, grace))
    tighten_own(trader=ada.trader, values={"liquidation_buffer_pct": D("0.3")})
    assert buffer_shares.refresh() == 2
    found = [Position.objects.get(pk=position.pk).buffer_pct for position in (mine, others)]
    assert found == [D("0.3"), D("0.1")]


def test_a_batch_reads_the_limits_of_all_its_traders_in_one_statement(ada: Person, grace: Person, eth: Market) -> None:
    drafts = []
    for number, person in enumerate((ada, grace)):
        trader = put_under(person, make_policy(f"tier {number}", kind="tier", max_leverage=D(50)))
        drafts += [(person, make_order(trader=trader, market=eth)) for _ in range(3)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        placing.place_all([Confirmation(person.id, order.pk) for person, order in drafts])
    assert len([query for query in queries if "risk_policyterms" in query["sql"]]) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["tier", "own"])
def test_a_decision_waits_for_a_tightening_and_is_made_on_it(ada: Person, eth: Market, how: str) -> None:
    """The tightening holds the trader's lock and has not committed yet when the decision begins."""
    tier = make_policy("Beginners", kind="tier")
    trader = put_under(ada, tier)
    draft = make_order(trader=trader, market=eth)
    decided = threading.Thread(target=lambda: at_once(lambda: placing.place(trader=trader, order_id=draft.pk)))
    with transaction.atomic():
        if how == "own":
            tighten_own(trader=trader, values={"max_leverage": D(5)})
        else:
            terms = Terms({"max_leverage": D(5)})
            save_terms(policy=tier, terms=terms, actor="admin:root", reason="a test", is_super_admin=False)
        decided.start()
        wait_until(_somebody_waits_for_a_lock, 20, "the decision waits for the lock")
    decided.join(30)
    order = Order.objects.get(pk=draft.pk)
    assert (order.state, order.reason) == ("DENIED", "leverage")


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        (count,) = cursor.fetchone() or (0,)
    return bool(count)


@pytest.mark.django_db(transaction=True)
def test_orders_confirmed_while_a_limit_is_tightened_are_each_decided_on_one_of_the_two(
    ada: Person, eth: Market
) -> None:
    """And once the tightening has returned, nothing is approved on the old limit."""
    trader = put_under(ada, make_policy("wide", kind="tier"))
    drafts = [make_order(trader=trader, market=eth, collateral_usd=D(10)) for _ in range(5)]
    works = [lambda order=order: placing.place(trader=trader, order_id=order.pk) for order in drafts[:4]]
    at_once(*works, lambda: tighten_own(trader=trader, values={"max_leverage": D(5)}))
    assert placing.place(trader=trader, order_id=drafts[4].pk).reason == "leverage"
    for order in Order.objects.filter(pk__in=[each.pk for each in drafts]):
        limit = D(order.decision["limits"]["max_leverage"])
        assert (order.state == "APPROVED") is (limit >= 10)


@pytest.mark.django_db(transaction=True)
def test_two_tightenings_at_once_are_both_kept(ada: Person, eth: Market) -> None:
    ada.types("/start")
    trader = ada.trader
    at_once(
        lambda: tighten_own(trader=trader, values={"max_leverage": D(5)}),
        lambda: tighten_own(trader=Trader.objects.get(pk=trader.pk), values={"trades_per_day": 3}),
    )
    own = ada.trader.own_policy
    assert own is not None
    assert policies.in_force([own.pk])[own.pk].values == {"max_leverage": D(5), "trades_per_day": 3}
