"""The page that starts and stops: what holds, since when and by whom; stops in one step, starts by form.

A stop is one POST, from here or from the button on every page; it answers here, with what it does not catch any more.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from adminpanel import live_gate, roles, switches
from adminpanel.admin.base import actor_of
from adminpanel.admin.columns import MODE_COLOURS
from adminpanel.control_forms import DRY, FORMS, MAINTENANCE, MAX_REASON, STOPS, WORDS, StopForm, SwitchForm
from adminpanel.standing import TRADING_STATE_COLOURS
from risk import canary_cap, environment_limits, execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState, WouldLoosen
from trading.services import stopping
from vanta.errors import VantaError

VIEW = "view_dashboard"
STOPPED = {
    TradingState.REDUCING.value: "Winding down: nothing opens; closing, canceling and tightening go on.",
    TradingState.HALTED.value: "Halted: nothing is sent but cancels, not even closings.",
    MAINTENANCE: "Maintenance: winding down, and the traders are told.",
    DRY: "DRY: nothing more opens with real money; open LIVE positions stay LIVE.",
}
HALTED_ALREADY = "Trading is halted already, and stays so: that stops more than this would."


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What holds, and the forms that somebody may fill in. Raises PermissionDenied for staff without a role."""
    return _page(request)


@never_cache
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Stop in one step: no question, no code. Raises PermissionDenied."""
    if not roles.may(request.user, "stop_trading"):
        raise PermissionDenied
    form = StopForm(request.POST)
    form.is_valid()
    to, why = (form.cleaned_data.get(name, "") for name in ("to", "reason"))
    if not to:
        return HttpResponseBadRequest("Say where to stop.")
    if to == DRY and not roles.may(request.user, "change_execution_mode"):
        raise PermissionDenied
    reason = why[:MAX_REASON] or f"Stopped from the admin site by {request.user}"  # no reason is too bad to stop for
    try:
        _stop(to, actor=actor_of(request), reason=reason)
    except WouldLoosen:
        messages.warning(request, HALTED_ALREADY)
    else:
        messages.success(request, STOPPED[to])
    return HttpResponseRedirect(reverse("controls"))


def _stop(to: str, *, actor: str, reason: str) -> None:
    if to == DRY:
        switches.go_dry(actor=actor, reason=reason)
        return
    is_maintenance = to == MAINTENANCE
    state = TradingState.REDUCING if is_maintenance else TradingState(to)
    stopping.stop(state, actor=actor, reason=reason, is_maintenance=is_maintenance)


@never_cache
@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """Start something by its form. Raises Http404 for what is none, and PermissionDenied."""
    if name not in FORMS:
        raise Http404
    if name not in _open_to(request):
        raise PermissionDenied
    form = FORMS[name](request.POST, user=_user(request), prefix=name)
    if not form.is_valid():
        return _page(request, {name: form})
    try:
        form.carry_out(actor_of(request))
    except VantaError as error:
        if type(error) not in WORDS:
            raise
        messages.error(request, WORDS[type(error)])
    else:
        messages.success(request, form.done)
    return HttpResponseRedirect(reverse("controls"))


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _open_to(request: HttpRequest) -> list[str]:
    """The forms whose controls somebody has; a cap is also tightened."""
    user = request.user
    return [
        name
        for name, form in FORMS.items()
        if roles.may(user, form.permission) or (name == "canary" and roles.may(user, "tighten_limits"))
    ]


def _page(request: HttpRequest, filled: dict[str, SwitchForm] | None = None) -> HttpResponse:
    if not roles.may(request.user, VIEW):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "Controls",
        **_held(),
        "stops": _stops(request),
        "stop_form": StopForm(),
        "forms": _forms(request, filled or {}),
    }
    return render(request, "adminpanel/controls.html", context)


def _held() -> dict[str, Any]:
    """What holds now."""
    state, mode = trading_state.current(), execution_mode.current()
    waiting = environment_limits.unacknowledged()
    return {
        "state": state.value,
        "state_colour": TRADING_STATE_COLOURS[state],
        "state_change": trading_state.last(),
        "mode": mode.value,
        "mode_colour": MODE_COLOURS[mode.value],
        "mode_change": execution_mode.last(),
        "cap": switches.cap_words(canary_cap.current()),
        "cap_change": canary_cap.last(),
        "loosened": environment_limits.loosened_by(waiting) if waiting else (),
        "waiting": waiting,
        "uncaught": None if state is TradingState.ACTIVE else stopping.uncaught(),
        "against_live": () if mode is ExecutionMode.LIVE else live_gate.reasons_against(),
    }


def _stops(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Value, name and meaning of each stop that somebody may make and that would change something."""
    may_stop = roles.may(request.user, "stop_trading")
    is_live = execution_mode.current() is ExecutionMode.LIVE
    may_go_dry = is_live and roles.may(request.user, "change_execution_mode")
    return [(value, name, STOPPED[value]) for value, name in STOPS.items() if may_stop and (value != DRY or may_go_dry)]


def _forms(request: HttpRequest, filled: dict[str, SwitchForm]) -> dict[str, SwitchForm]:
    """Those that would start something now, as they were filled in or empty."""
    state, mode = trading_state.last(), execution_mode.current()
    useful = {
        "resume": state is not None and state.state != TradingState.ACTIVE,
        "live": mode is not ExecutionMode.LIVE,
        "canary": True,
        "limits": environment_limits.unacknowledged() is not None,
    }
    names = [name for name in _open_to(request) if useful[name] or name in filled]
    return {name: filled.get(name) or FORMS[name](user=_user(request), prefix=name) for name in names}
