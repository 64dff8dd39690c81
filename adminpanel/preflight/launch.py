"""The launch, step by step. Where it stands is read from what is the case, so that it goes on wherever it was left.

Nothing here switches LIVE: a super admin does, in the admin site, with a code. What is wrong with the first orders
stops openings (REDUCING).
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from adminpanel.navigation import CONTROLS_PAGE
from adminpanel.preflight import surroundings, watch
from adminpanel.preflight.checks import DRILL
from adminpanel.preflight.findings import Colour
from adminpanel.preflight.gate import latest_complete_run, live_blockers
from risk import canary_cap, trading_state
from risk.trading_state import TradingState, WouldLoosen
from trading.models import Order
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.services import stopping
from vanta import clock
from vanta.money import format_percent

PRACTISED_WITHIN = dt.timedelta(days=1)


class Step(StrEnum):
    """In their order."""

    DRY = "dry"
    HEALTH = "health"
    PREFLIGHT = "preflight"
    SWITCH = "switch"
    CANARY = "canary"
    WATCH = "watch"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Standing:
    """The step that the launch is at, what keeps it there, and what to do. `is_trouble`: openings are to stop."""

    step: Step
    saw: str
    do: str = ""
    is_trouble: bool = False


def standing(wanted: int) -> Standing:
    """The first step that is not done; `wanted` is how many LIVE orders are watched."""
    since = watch.live_since()
    steps: tuple[Callable[[], Standing | None], ...] = (
        (_dry, _health, _preflight, _switch) if since is None else (_canary, lambda: _watch(since, wanted))
    )
    at = next((found for step in steps if (found := step())), None)
    return at or Standing(Step.DONE, f"The first {wanted} LIVE orders went as they should.", "Watch the dashboard.")


def _dry() -> Standing | None:
    filled = Order.objects.filter(mode=Mode.DRY, state=OrderState.FILLED, ended_at__gte=clock.now() - PRACTISED_WITHIN)
    if filled.exists():
        return None
    do = "Open and close a paper position in the chat: /long ETH 100 2x, then /close ETH."
    return Standing(Step.DRY, "No paper order was filled within a day.", do)


def _health() -> Standing | None:
    found = surroundings.health_endpoints()
    return Standing(Step.HEALTH, found.saw, found.do) if found.colour is Colour.RED else None


def _preflight() -> Standing | None:
    run, do = latest_complete_run(), "manage.py preflight --drill"
    if blockers := live_blockers():
        return Standing(Step.PREFLIGHT, " ".join(blockers), do)
    if run is not None and run.colour_of(DRILL) != Colour.GREEN:
        return Standing(Step.PREFLIGHT, "The emergency stop was not drilled.", do)
    return None


def _switch() -> Standing:
    return Standing(
        Step.SWITCH,
        "Everything is ready for LIVE, and the system is DRY.",
        f"A super admin switches to LIVE at {_controls()}, with a reason and a code. No code is asked for here.",
    )


def _controls() -> str:
    return f"{settings.PUBLIC_BASE_URL.rstrip('/')}{CONTROLS_PAGE}"


def _canary() -> Standing | None:
    """Each LIVE opening is held to the cap by the risk checks; here it has to be one that caps."""
    cap, largest = canary_cap.current(), settings.MAX_POSITION_SIZE_USD
    if cap is not None and 0 < cap <= largest:
        return None
    told = "lifted" if cap is None else f"{cap:f} USDC, the largest position {largest:f}"
    return Standing(Step.CANARY, f"The canary cap is {told}: it caps nothing.", f"Set one at {_controls()}.")


def _watch(since: dt.datetime, wanted: int) -> Standing | None:
    if watch.was_watched(since):
        return None
    found = watch.look(since, wanted)
    if found.trouble:
        return Standing(Step.WATCH, f"{found.trouble}.", "docs/operations.md: OrderUnknown, Books.", is_trouble=True)
    settled = sum(seen.is_settled for seen in found.orders)
    saw = f"{settled} of the first {wanted} LIVE orders have come to an end, each within the canary cap of " \
          f"{canary_cap.current()} USDC."  # fmt: skip
    if found.disputes:
        return Standing(Step.WATCH, f"{saw} Open: {', '.join(found.disputes)}.", "docs/operations.md, Venue alarms.")
    state = trading_state.current()
    if state is not TradingState.ACTIVE:
        return Standing(Step.WATCH, f"{saw} Trading is {state.upper()}: nothing opens.", "A super admin resumes.")
    return Standing(Step.WATCH, saw, "Traders open small positions with real money, and close them.")


def stop_openings(why: str, *, actor: str) -> bool:
    """REDUCING, with the reason; False where trading is stopped already."""
    if trading_state.current() is not TradingState.ACTIVE:
        return False
    with contextlib.suppress(WouldLoosen):  # somebody has halted in between
        stopping.stop(TradingState.REDUCING, actor=actor, reason=f"golive: {why}")
    return True


def told(found: watch.Look) -> Iterator[str]:
    """A line for each order."""
    for seen in found.orders:
        order = seen.order
        gap = "" if seen.gap_rate is None else f", {format_percent(seen.gap_rate, 3)} worse than paper"
        yield f"  #{order.pk} {order.kind} {order.market.symbol} {order.state}{gap}"
