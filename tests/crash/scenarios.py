"""All scenarios by name, and what the cells of a lane share."""

from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.crash import live, paper, resting
from tests.crash.acting import SYMBOL, Scenario, Stage
from tests.factories import make_market
from trading.models import Intent, Order

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (*paper.SCENARIOS, *live.SCENARIOS, *resting.SCENARIOS)
}


def was_too_late(stage: Stage) -> bool:
    """Whether the trader's only order was a draft that was too old when it was confirmed, and nothing came of it."""
    ended = Order.objects.filter(trader=stage.trader).values_list("state", "reason")
    return [*ended] == [("EXPIRED", "draft_expired")] and not Intent.objects.filter(order__trader=stage.trader).exists()


def prepare() -> None:
    """A market, and a system that is LIVE for whoever is; in a database and a sandbox of the lane's own."""
    make_market(SYMBOL, pair_index=0)
    execution_mode.change(ExecutionMode.LIVE, actor="matrix", reason="the lane is the matrix's own")
    live.venue("POST", "freeze", frozen=True)
