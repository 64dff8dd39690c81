"""The paper venue's scenarios: what its journal says and what the books say must be one and the same thing, once."""

from collections.abc import Callable
from decimal import Decimal

from django.db.models import Sum

from tests.crash.acting import Scenario, Stage, begins, changes, closes, increases, moves_margin, nothing, opens, work
from trading import guardian, limit_fills
from trading.models import Account, LedgerEntry, LedgerTransaction, Order, PaperExecution, Position, Trader
from trading.models.traders import BufferAction
from trading.order_state import TERMINAL, OrderState
from trading.venues.paper_resting import end_nonce


def _cross(_stage: Stage) -> None:
    guardian.close_crossed()
    work()


def _begun(text: str) -> Callable[[Stage], None]:
    """What was opened before the path."""

    def begin(stage: Stage) -> None:
        begins(text)(stage)
        work()

    return begin


def _reach(_stage: Stage) -> None:
    limit_fills.fill_reached()
    work()


def _ends(stage: Stage) -> list[str]:
    """How the trader's resting orders ended, by the paper venue's own journal."""
    orders = Order.objects.filter(trader=stage.trader, limit_price__isnull=False).values_list("pk", flat=True)
    ends = PaperExecution.objects.filter(nonce__in=[end_nonce(pk) for pk in orders])
    return ["canceled" if "canceled" in end.result else "filled" for end in ends]


def _escrow_usd(stage: Stage) -> Decimal:
    held = LedgerEntry.objects.filter(trader=stage.trader, account="escrow").aggregate(total=Sum("amount_usd"))
    return Decimal(held["total"] or 0)


def _rests_once(stage: Stage) -> None:
    order = Order.objects.get(trader=stage.trader)
    placed = PaperExecution.objects.filter(nonce=f"paper-{order.pk}", result__has_key="resting").count()
    assert (order.state, placed, _ends(stage), _escrow_usd(stage)) == ("RESTING", 1, [], Decimal(100))
    assert Account.objects.get(trader=stage.trader, mode="DRY").free_balance_usd == Decimal(9900)


def _is_filled_once(entry: str) -> Callable[[Stage], None]:
    def check(stage: Stage) -> None:
        position = _position(stage)
        assert (position.status, position.collateral_usd) == ("open", Decimal(100)), position
        assert (position.entry_price, _ends(stage), _escrow_usd(stage)) == (Decimal(entry), ["filled"], Decimal(0))
        assert position.fills.count() == 1

    return check


def _is_canceled_once(stage: Stage) -> None:
    order = Order.objects.get(trader=stage.trader, kind="open")
    cancels = Order.objects.filter(cancels=order).values_list("state", flat=True)
    assert (order.state, [*cancels], _ends(stage), _escrow_usd(stage)) == (
        "CANCELED",
        ["FILLED"],
        ["canceled"],
        Decimal(0),
    )
    assert Account.objects.get(trader=stage.trader, mode="DRY").free_balance_usd == Decimal(10_000)


def _with_margin(stage: Stage) -> None:
    OPENED(stage)
    Trader.objects.filter(pk=stage.trader.pk).update(buffer_action=BufferAction.ADD_MARGIN, buffer_cap_usd=Decimal(50))


def executions(stage: Stage, kind: str) -> int:
    """How many orders of this kind the paper venue has executed, by its own journal."""
    nonces = Order.objects.filter(trader=stage.trader, kind=kind, intent__isnull=False).values("intent__nonce")
    return PaperExecution.objects.filter(nonce__in=nonces, result__has_key="fee_usd").count()


def _position(stage: Stage) -> Position:
    return Position.objects.get(trader=stage.trader)  # more than one would raise


def _is_open_once(stage: Stage) -> None:
    position = _position(stage)
    assert (position.status, position.collateral_usd) == ("open", Decimal(100)), position
    assert (executions(stage, "open"), executions(stage, "close")) == (1, 0)


def _is_closed_once(status: str) -> Callable[[Stage], None]:
    def check(stage: Stage) -> None:
        assert _position(stage).status == status
        assert (executions(stage, "open"), executions(stage, "close")) == (1, 1)

    return check


def _is_half_closed_once(stage: Stage) -> None:
    assert (_position(stage).status, _position(stage).collateral_usd) == ("open", Decimal(50))
    assert (executions(stage, "open"), executions(stage, "close")) == (1, 1)


def _has_stops_once(stage: Stage) -> None:
    position = _position(stage)
    nonces = Order.objects.filter(trader=stage.trader, kind="stops").values("intent__nonce")
    changes = [execution.result["changed"] for execution in PaperExecution.objects.filter(nonce__in=nonces)]
    assert [change["stop_loss"] for change in changes] == ["2950.0000000000"], changes
    assert (position.status, position.stop_loss, position.take_profit) == ("open", Decimal(2950), Decimal(3300))
    assert position.events.filter(kind="stops_changed").count() == 1


def _is_increased_once(stage: Stage) -> None:
    position = _position(stage)
    assert (position.status, position.collateral_usd, position.leverage) == ("open", Decimal(150), Decimal(8)), position
    assert (executions(stage, "open"), executions(stage, "increase")) == (1, 1)


def _has_margin_once(stage: Stage) -> None:
    position = _position(stage)
    booked = LedgerTransaction.objects.filter(kind="margin", entries__trader=stage.trader).distinct().count()
    assert (position.status, position.collateral_usd, booked) == ("open", 100 + position.margin_added_usd, 1)
    assert 0 < position.margin_added_usd <= 50


def _has_moved_once(kind: str, collateral_usd: int) -> Callable[[Stage], None]:
    def check(stage: Stage) -> None:
        orders = Order.objects.filter(trader=stage.trader, kind=kind)
        journal = PaperExecution.objects.filter(nonce__in=orders.values("intent__nonce"), result__has_key="changed")
        booked = LedgerTransaction.objects.filter(kind="margin", entries__trader=stage.trader).distinct().count()
        assert (journal.count(), booked, orders.get().state) == (1, 1, "FILLED")
        assert (_position(stage).status, _position(stage).collateral_usd) == ("open", Decimal(collateral_usd))

    return check


OPENED = _begun("/long ETH 100 10x")
WITH_BOTH, OPENED_WITH_BOTH = (act("/long ETH 100 10x sl=2900 tp=3300") for act in (opens, _begun))
ADDS, TAKES = moves_margin("/margin ETH +50"), moves_margin("/margin ETH -20")
CLOSES, CLOSES_HALF = closes("/close ETH"), closes("/close ETH 50%")
STOPS = "/sl ETH 2950"
INCREASES = increases("/increase ETH 50 4x")
LIMIT = opens("/limit ETH long 100 10x @2900 sl=2800")
RESTS, STOP_RESTS = _begun("/limit ETH long 100 10x @2900 sl=2800"), _begun("/limit ETH short 100 10x stop@2900")
CANCELS = closes("/cancel all")
SCENARIOS = (
    Scenario("open", nothing, WITH_BOTH, WITH_BOTH, _is_open_once),
    Scenario("increase", OPENED, INCREASES, INCREASES, _is_increased_once),
    Scenario("close", OPENED, CLOSES, CLOSES, _is_closed_once("closed")),
    Scenario("close half", OPENED, CLOSES_HALF, CLOSES_HALF, _is_half_closed_once),
    Scenario("stop", _begun("/long ETH 100 10x sl=2990"), _cross, _cross, _is_closed_once("closed"), price="2985"),
    Scenario(
        "take profit", _begun("/long ETH 100 10x tp=3010"), _cross, _cross, _is_closed_once("closed"), price="3015"
    ),
    Scenario("liquidation", _begun("/long ETH 100 50x"), _cross, _cross, _is_closed_once("liquidated"), price="2940"),
    Scenario("stops", OPENED_WITH_BOTH, changes(STOPS), changes(STOPS), _has_stops_once),
    Scenario("margin", OPENED, ADDS, ADDS, _has_moved_once("add_margin", 150)),
    Scenario("margin withdrawn", OPENED, TAKES, TAKES, _has_moved_once("take_margin", 80)),
    Scenario("limit", nothing, LIMIT, LIMIT, _rests_once, ends=TERMINAL | {OrderState.RESTING}),
    Scenario("limit filled", RESTS, _reach, _reach, _is_filled_once("2895.2895"), price="2895"),
    Scenario("stop-limit filled", STOP_RESTS, _reach, _reach, _is_filled_once("2898.7101"), price="2899"),
    Scenario("limit canceled", RESTS, CANCELS, CANCELS, _is_canceled_once),
    Scenario("add margin", _with_margin, _cross, _cross, _has_margin_once, price="2757"),
)
