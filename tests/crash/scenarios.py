"""All scenarios by name, and what the cells of a lane share."""

from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.crash import live, paper
from tests.crash.acting import SYMBOL, Scenario
from tests.factories import make_market

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (*paper.SCENARIOS, *live.SCENARIOS)}


def prepare() -> None:
    """A market, and a system that is LIVE for whoever is; in a database and a sandbox of the lane's own."""
    make_market(SYMBOL, pair_index=0)
    execution_mode.change(ExecutionMode.LIVE, actor="matrix", reason="the lane is the matrix's own")
    live.venue("POST", "freeze", frozen=True)
