"""What a decision costs: all checks on one order, with what an account in the middle of its day holds."""

import time
from decimal import Decimal

from risk.checks import AccountSnapshot, Day, Exposure, OpeningRequest, RiskDecision
from risk.usage import WINDOWS, Standing, Usage
from tests.bench.figures import Figure
from tests.risk.cases import decide, order

SECONDS = 1
D = Decimal
BUSY = AccountSnapshot(
    free_usd=D(9000),
    reserved_usd=D(300),
    collateral_usd=D(1000),
    unrealised_pnl_usd=D("-12.345678"),
    exposure=Exposure(D(2000), D(1000), 3),
    day=Day(D(10_000), gains_usd=D("3.21"), positions_usd=D("120.5"), pending_usd=D("34.3")),
)
USED = Usage({window.code: Standing(D(1)) for window in WINDOWS})


def risk_figures() -> dict[str, Figure]:
    """`risk_check_us` of an approved order; a denial costs more, as what would pass is searched for."""
    approved, denied = order("100", "10", stop="2900"), order("1500", "10")
    assert asked(approved).approved
    assert len(asked(denied).codes) == 2
    searching = per_call_us(denied)
    return {"risk_check_us": Figure(per_call_us(approved), "µs", f"{searching:.0f} µs where two limits deny it")}


def asked(wish: OpeningRequest) -> RiskDecision:
    return decide(wish, account=BUSY, usage=USED)


def per_call_us(wish: OpeningRequest) -> float:
    """Mean over a second, after a warm-up."""
    for _ in range(200):
        asked(wish)
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        asked(wish)
        calls += 1
    return (time.perf_counter() - started) / calls * 1_000_000
