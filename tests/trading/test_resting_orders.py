"""What rests at the venue: what is held for it is neither free nor lost, and comes back, or becomes a position."""

import datetime as dt
from decimal import Decimal

import pytest

from risk import execution_mode
from risk.execution_mode import ExecutionMode
from risk.models import TradingStateChange
from tests.factories import make_order, make_trader
from trading import invariants, risk_inputs
from trading.errors import DraftGone
from trading.models import Account, Delegate, Order, Trader
from trading.models.orders import REDUCES
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.selectors import balance
from trading.services import canceling
from trading.services.orders import Origin
from trading.settlement import settle
from trading.venues.base import Canceled, Filled, Outcome, Resting, Unknown
from vanta import clock

pytestmark = pytest.mark.django_db
HELD = Decimal(100)
START = Decimal(10_000)
S = OrderState


def test_what_the_venue_holds_is_not_free_but_still_the_traders() -> None:
    order = _resting()

    account = balance(order.trader, Mode.DRY)
    held = risk_inputs.holdings(order.trader, Mode.DRY)

    assert (account.free_usd, account.equity_usd) == (START - HELD, START)
    assert sum(risk_inputs.reserved(each) for each in held.pending) < Decimal(1)  # the open fee is still to come
    assert not _money_is_wrong()


def test_a_fill_takes_its_collateral_out_of_what_is_held() -> None:
    order = _resting()

    _settle(order, _filled(order))

    order.refresh_from_db()
    assert order.state == S.FILLED
    assert order.position is not None
    assert balance(order.trader, Mode.DRY).free_usd == START - HELD - Decimal("0.45")
    assert not _money_is_wrong()


def test_a_fill_of_what_nobody_knew_to_rest_is_paid_from_the_free_balance() -> None:
    order = _order(S.SUBMITTING)

    _settle(order, _filled(order))

    assert balance(order.trader, Mode.DRY).free_usd == START - HELD - Decimal("0.45")


def test_a_cancel_gives_back_what_is_held_and_both_orders_end() -> None:
    order = _resting()
    cancel = canceling.cancel_resting(trader=order.trader, order_id=order.pk, origin=Origin())

    assert cancel.reduces
    assert Order.objects.filter(REDUCES, pk=cancel.pk).exists()

    _settle(_sent(cancel), Canceled(clock.now()))

    order.refresh_from_db()
    assert (order.state, order.reason) == (S.CANCELED, "canceled_by_trader")
    assert Order.objects.get(pk=cancel.pk).state == S.FILLED
    assert balance(order.trader, Mode.DRY).free_usd == START


def test_a_cancel_of_what_was_filled_first_comes_to_nothing() -> None:
    order = _resting()
    cancel = canceling.cancel_resting(trader=order.trader, order_id=order.pk, origin=Origin())
    _settle(order, _filled(order))

    _settle(_sent(cancel), Canceled(clock.now()))

    assert Order.objects.get(pk=order.pk).state == S.FILLED
    assert Order.objects.get(pk=cancel.pk).state == S.REJECTED


def test_what_rests_goes_on_resting_while_nobody_can_say_more() -> None:
    order = _resting()

    _settle(order, Unknown("no_answer"))
    _settle(order, Resting(clock.now(), HELD))

    assert Order.objects.get(pk=order.pk).state == S.RESTING
    assert balance(order.trader, Mode.DRY).free_usd == START - HELD


def test_a_second_cancel_is_the_first_and_only_what_rests_can_be_canceled() -> None:
    order = _resting()

    first, second = (canceling.cancel_resting(trader=order.trader, order_id=order.pk, origin=Origin()) for _ in "12")

    assert first == second
    with pytest.raises(DraftGone):
        canceling.cancel_resting(trader=order.trader, order_id=first.pk, origin=Origin())


@pytest.mark.parametrize("state", ["reducing", "halted"])
def test_a_stop_takes_back_every_resting_opening_once(state: str) -> None:
    order = _resting()
    assert canceling.cancel_unwanted() == 0
    TradingStateChange.objects.create(state=state, actor="test", reason="a test")

    assert (canceling.cancel_unwanted(), canceling.cancel_unwanted()) == (1, 0)

    cancel = Order.objects.get(cancels=order)
    assert (cancel.state, cancel.reason) == (S.APPROVED, f"trading_{state}")


def test_what_a_disabled_trader_has_resting_is_taken_back() -> None:
    order = _resting()
    Trader.objects.filter(pk=order.trader_id).update(is_active=False)

    assert canceling.cancel_unwanted() == 1


@pytest.mark.parametrize(("hours", "taken_back"), [(23, 1), (25, 0)])
def test_what_rests_with_real_money_is_taken_back_while_its_delegate_still_can(hours: int, taken_back: int) -> None:
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="a test")
    order = _order(S.SUBMITTING, Mode.LIVE, execution_mode=Mode.LIVE)
    _settle(order, Resting(clock.now(), HELD, index=0))
    ends_at = clock.now() + dt.timedelta(hours=hours)
    Delegate.objects.create(
        trader=order.trader, wallet_address="0x1", address="0x2", status=Delegate.Status.ACTIVE, expires_at=ends_at
    )

    assert canceling.cancel_unwanted() == taken_back

    assert Order.objects.filter(cancels=order, reason="delegate_expires_soon").count() == taken_back


def test_what_cannot_be_taken_back_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dispatcher looks at everything else after this."""
    bad, good = _resting(), _resting()
    why = canceling._why

    def broken(order: Order) -> str:
        if order.pk == bad.pk:
            raise ArithmeticError("a defect")
        return why(order)

    monkeypatch.setattr(canceling, "_why", broken)
    TradingStateChange.objects.create(state="halted", actor="test", reason="a test")
    assert canceling.cancel_unwanted() == 1
    assert Order.objects.get(kind="cancel").cancels == good


def test_taking_back_ends_its_turn_and_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rest, the dispatcher has closings to wake somebody for; real money is taken back first."""
    _resting()
    live = _resting()
    Order.objects.filter(pk=live.pk).update(mode=Mode.LIVE)
    monkeypatch.setattr(canceling, "TURN", dt.timedelta(0))
    TradingStateChange.objects.create(state="halted", actor="test", reason="a test")
    assert canceling.cancel_unwanted() == 1
    assert Order.objects.get(kind="cancel").cancels == live
    assert (canceling.cancel_unwanted(), canceling.cancel_unwanted()) == (1, 0)


def _order(state: OrderState, mode: str = Mode.DRY, **of_trader: str) -> Order:
    return make_order(
        trader=make_trader(**of_trader),
        state=state,
        order_type=Order.Type.LIMIT,
        limit_price=Decimal(2900),
        mode=mode,
    )


def _resting() -> Order:
    order = _order(S.SUBMITTING)
    _settle(order, Resting(clock.now(), HELD))
    order.refresh_from_db()
    assert Account.objects.get(trader=order.trader, mode=Mode.DRY).free_balance_usd == START - HELD
    return order


def _settle(order: Order, outcome: Outcome) -> None:
    settle([order], {order.pk: outcome})


def _sent(cancel: Order) -> Order:
    Order.objects.filter(pk=cancel.pk).update(state=S.SUBMITTING)
    cancel.refresh_from_db()
    return cancel


def _filled(order: Order) -> Filled:
    return Filled(f"fill-{order.pk}", Decimal(2900), clock.now(), Decimal("0.45"), Decimal(2654))


def _money_is_wrong() -> list[str]:
    """The invariants about money that do not hold; orders made without their history break others."""
    rules = ("ledger_sums_to_zero", "balance_is_the_ledgers", "collateral_is_the_ledgers", "escrow_is_the_ledgers")
    return [breach.code for breach in invariants.breaches() if breach.code in rules]
