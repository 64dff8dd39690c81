"""The paper venue's scenarios: what its journal says and what the books say must be one and the same thing, once."""

from collections.abc import Callable
from decimal import Decimal

from tests.crash.acting import Scenario, Stage, begins, changes, closes, increases, moves_margin, nothing, opens, work
from trading import guardian
from trading.models import LedgerTransaction, Order, PaperExecution, Position, Trader
from trading.models.traders import BufferAction


def _cross(_stage: Stage) -> None:
    guardian.close_crossed()
    work()


def _begun(text: str) -> Callable[[Stage], None]:
    """What was opened before the path."""

    def begin(stage: Stage) -> None:
        begins(text)(stage)
        work()

    return begin


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
    Scenario("add margin", _with_margin, _cross, _cross, _has_margin_once, price="2757"),
)
