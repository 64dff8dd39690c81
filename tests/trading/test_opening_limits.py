"""Rate limits on real orders: what is refused and how it is said, and that nothing loses or gains capacity."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction
from pytest_django import Settings
from redis.exceptions import ConnectionError, OutOfMemoryError

from feeds.models import Market
from risk import window_script
from tests.factories import make_policy
from tests.trading.people import Person, store, words
from tests.trading.pipeline import approve, close, open_position
from trading import selectors
from trading.errors import LimitsUnreachable
from trading.models import Order, TelegramUpdate
from trading.services import orders, placing
from trading.telegram import updates
from vanta import redis

pytestmark = pytest.mark.django_db
D = Decimal
BIG = "/long ETH 950 10x sl=2900"  # 9 500 USDC


def place(person: Person, order: Order) -> Order:
    return placing.place(trader=person.trader, order_id=order.pk)


@pytest.fixture
def limits_fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """`limits_fail(error)`: Redis gives prices, and breaks when the rate limits are asked."""

    def fail(error: Exception) -> None:
        def broken(*_: object) -> None:
            raise error

        monkeypatch.setattr(window_script, "_execute", broken)

    return fail


def test_the_worked_example_a_second_500x_of_20_in_the_same_hour_is_refused(ada: Person, eth_upside: Market) -> None:
    approve(ada, "/long ETH_UPSIDE 20 500x")
    ada.types("/long ETH_UPSIDE 20 500x")
    assert ada.orders[-1].reason == "hourly_volume"


def test_a_refusal_says_what_was_used_what_would_pass_and_when(ada: Person, eth: Market) -> None:
    approve(ada, BIG)
    shown = ada.answer("/long ETH 100 10x sl=2900")
    assert "You have opened 9,500 of 10,000 USDC in the last hour; 500 would pass now, the whole order in " in shown
    assert "60 min" in shown
    assert "passes up to 50.00 USDC of collateral, or up to 5x" in shown
    assert "hourly_volume: opened in an hour  10,500.00 &gt; 10,000.00" in ada.answer(f"/why {ada.orders[-1].pk}")
    assert ada.drafts("/long ETH 50 10x sl=2900").state == "DRAFT"


def test_the_sixth_opening_in_a_minute_is_refused_at_the_preview_and_at_the_confirmation(
    ada: Person, eth: Market
) -> None:
    drafts = [ada.drafts("/long ETH 10 10x") for _ in range(6)]
    placed = [place(ada, order) for order in drafts]
    assert [order.state for order in placed] == ["APPROVED"] * 5 + ["DENIED"]
    assert placed[-1].reason == "opens_per_minute"
    assert "You have opened 5 of 5 positions in the last minute; the next one passes in" in ada.answer(
        "/long ETH 10 10x"
    )


def test_rate_limits_are_listed_with_every_other_reason(ada: Person, eth: Market) -> None:
    approve(ada, BIG)
    ada.types("/long ETH 1500 200x")
    assert ada.orders[-1].reason == "leverage,position_size,account_risk,hourly_volume,daily_volume"


def test_previews_take_nothing(ada: Person, eth: Market) -> None:
    drafts = [ada.drafts(BIG) for _ in range(8)]
    assert place(ada, drafts[-1]).state == "APPROVED"


def test_confirmations_of_one_batch_see_what_the_others_took(ada: Person, grace: Person, eth: Market) -> None:
    sizes = ("/long ETH 600 10x sl=2900", "/long ETH 500 10x sl=2900", "/long ETH 400 10x sl=2900")
    drafts = [(person, person.drafts(text)) for person in (ada, grace) for text in sizes]
    for person, order in drafts:
        store(person.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    states = [Order.objects.get(pk=order.pk).state for _, order in drafts]
    assert states == ["APPROVED", "DENIED", "APPROVED"] * 2


def test_what_was_weighed_against_a_refused_order_is_weighed_again(
    ada: Person, eth: Market, settings: Settings
) -> None:
    settings.MAX_POSITION_SIZE_USD = D(10_000)
    drafts = [ada.drafts(text) for text in ("/long ETH 300 10x", "/long ETH 300 10x", "/long ETH 300 10x")]
    settings.HOURLY_VOLUME_USD, settings.MAX_POSITION_SIZE_USD = D(5_000), D(6_500)
    for order in (drafts[0], drafts[1], drafts[2]):
        store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    # The third would exceed the position's size only if the second had been approved.
    assert [Order.objects.get(pk=order.pk).reason for order in drafts] == ["", "hourly_volume", "hourly_volume"]


def test_a_decision_that_was_rolled_back_neither_loses_capacity_nor_counts_twice(ada: Person, eth: Market) -> None:
    order = ada.drafts(BIG)
    with transaction.atomic():
        place(ada, order)
        transaction.set_rollback(True)
    assert place(ada, Order.objects.get(pk=order.pk)).state == "APPROVED"
    assert used(ada)["hourly_volume"] == 9500


def test_an_order_that_was_never_approved_gives_back_its_part_at_the_next_refusal(ada: Person, eth: Market) -> None:
    lost = ada.drafts(BIG)
    with transaction.atomic():
        place(ada, lost)
        transaction.set_rollback(True)
    orders.cancel(trader=ada.trader, order_id=lost.pk)
    assert place(ada, ada.drafts(BIG)).state == "APPROVED"


def test_what_was_approved_counts_whatever_became_of_it(ada: Person, eth: Market) -> None:
    order = approve(ada, BIG)
    orders.cancel(trader=ada.trader, order_id=order.pk)
    redis.client().delete("windows:run")  # so that it is looked up
    ada.types("/long ETH 100 10x")
    assert ada.orders[-1].reason == "hourly_volume"


def test_an_emptied_redis_resets_no_limit(ada: Person, eth: Market, price: Callable[..., None]) -> None:
    approve(ada, BIG)
    redis.client().flushdb()
    price("ETH/USD", "3000")
    ada.types("/long ETH 100 10x")
    assert ada.orders[-1].reason == "hourly_volume"
    assert place(ada, ada.drafts("/long ETH 50 10x")).state == "APPROVED"
    assert used(ada) == {"opens_per_minute": 2, "trades_per_day": 2, "hourly_volume": 10000, "daily_volume": 10000}


def test_without_the_limits_nothing_opens_and_everything_closes(
    ada: Person, eth: Market, limits_fail: Callable[[Exception], None]
) -> None:
    position, order = open_position(ada), ada.drafts("/long ETH 100 10x")
    limits_fail(OutOfMemoryError())
    assert place(ada, order).reason == "rate_limits_unavailable"
    assert "cannot be looked up right now, so nothing opens. Closing works." in ada.answer("/long ETH 100 10x")
    assert close(ada, position).state == "APPROVED"


def test_a_confirmation_waits_for_a_redis_that_went_away_after_it_gave_the_price(
    ada: Person, eth: Market, limits_fail: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    limits_fail(ConnectionError())
    with pytest.raises(LimitsUnreachable):
        place(ada, order)
    waiting = store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    monkeypatch.undo()
    assert TelegramUpdate.objects.get(pk=waiting.pk).status == "new"
    updates.drain()
    assert Order.objects.get(pk=order.pk).state == "APPROVED"


def test_closings_are_never_counted(ada: Person, eth: Market) -> None:
    position = open_position(ada, BIG)
    for _ in range(12):
        assert close(ada, position, D("0.05")).state == "APPROVED"
    assert used(ada)["opens_per_minute"] == 1


def test_a_policy_tightens_the_limits_of_one_trader(ada: Person, grace: Person, eth: Market) -> None:
    first, second = ada.drafts("/long ETH 10 10x"), ada.drafts("/long ETH 10 10x")
    trader = ada.trader
    trader.policy = make_policy("once a minute", opens_per_minute=1)
    trader.save()
    assert [place(ada, order).state for order in (first, second)] == ["APPROVED", "DENIED"]
    for _ in range(2):
        approve(grace, "/long ETH 10 10x")


def test_dry_and_live_are_counted_apart(ada: Person, eth: Market) -> None:
    approve(ada, BIG)
    live = ada.drafts("/long ETH 50 10x")
    Order.objects.filter(pk=live.pk).update(mode="LIVE")
    placing.place(trader=ada.trader, order_id=live.pk, is_live_confirmed=True)
    assert used(ada)["hourly_volume"] == 9500


def test_usage_names_each_window_its_limit_and_when_its_next_part_is_free(ada: Person, eth: Market) -> None:
    order = approve(ada, BIG)
    minute, *_, day = selectors.opening_usage(ada.trader, "DRY")
    assert (minute.code, minute.used, minute.limit) == ("opens_per_minute", D(1), D(5))
    assert (day.code, day.used, day.limit) == ("daily_volume", D(9500), D(50000))
    assert order.decided_at is not None
    assert minute.next_free_at is not None
    assert abs((minute.next_free_at - order.decided_at).total_seconds() - 60) < 2


def used(person: Person) -> dict[str, Decimal]:
    return {window.code: window.used for window in selectors.opening_usage(person.trader, "DRY")}


def test_confirming_over_the_limit_is_answered_on_the_card(ada: Person, eth: Market) -> None:
    first, second = ada.drafts(BIG), ada.drafts(BIG)
    ada.taps(f"confirm:{first.pk}")
    assert "500 would pass now" in words(ada.taps(f"confirm:{second.pk}"))
