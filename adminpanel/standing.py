"""What every page of the admin shows: how trading stands, and whether whoever looks can stop it from there."""

from typing import Any

from django.http import HttpRequest

from adminpanel import roles
from risk import trading_state
from risk.trading_state import TradingState

TRADING_STATE_COLOURS = {"active": "success", "reducing": "warning", "halted": "danger"}


def standing(request: HttpRequest) -> dict[str, Any]:
    """For the template `adminpanel/standing.html`."""
    state = trading_state.current()
    return {
        "state": state.value,
        "colour": TRADING_STATE_COLOURS[state],
        "may_stop": state is TradingState.ACTIVE and roles.may(request.user, "stop_trading"),
    }
