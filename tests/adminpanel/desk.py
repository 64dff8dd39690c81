"""Somebody at the Controls page, and what the audit log and the admins' chat say of it."""

from typing import Any

from django.contrib.auth.models import User

from adminpanel.models import PreflightRun
from adminpanel.navigation import CONTROLS_PAGE
from risk import trading_state
from risk.trading_state import TradingState
from tests.access import code_for, logged_in, use_again
from trading.models import OutboxMessage
from vanta.models import AuditEntry

STOP = CONTROLS_PAGE + "stop/"
TOLD = 4711


class Desk:
    """Somebody at the page."""

    def __init__(self, user: User) -> None:
        self.user, self.client = user, logged_in(user)

    def page(self) -> str:
        return words(self.client.get(CONTROLS_PAGE))

    def stop(self, **values: str) -> str:
        return words(self.client.post(STOP, values, follow=True))

    def start(self, name: str, **values: Any) -> str:
        """Fill in a form as it stands on the page, with a reason and a code where nothing else is said."""
        given = {"reason": "all is well", "code": code_for(self.user), **values}
        posted = {f"{name}-{key}": value for key, value in given.items()}
        answer = words(self.client.post(f"{CONTROLS_PAGE}{name}/", posted, follow=True))
        use_again(self.user)
        return answer

    def resume(self, to: TradingState = TradingState.ACTIVE, **values: Any) -> str:
        held = trading_state.last()
        return self.start("resume", **{"to": to.value, "seen": held.pk if held else 0, **values})


def checked(colour: str = "green", *, drill: str = "green") -> PreflightRun:
    """A whole preflight, just now, that found the clock and the emergency stop like this."""
    found = {"clock": colour, "emergency-stop": drill}
    results = [
        {"name": name, "colour": each, "saw": f"It is {each}.", "do": "", "took_ms": 7} for name, each in found.items()
    ]
    return PreflightRun.objects.create(by="shell:ada", is_complete=True, verdict=colour, took_ms=4200, results=results)


def words(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def last_entry() -> tuple[str, str, str]:
    entry = AuditEntry.objects.latest("seq")
    return entry.actor, entry.action, entry.reason


def news() -> list[str]:
    return [row.payload["text"] for row in OutboxMessage.objects.filter(chat_id=TOLD).order_by("pk")]
