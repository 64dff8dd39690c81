"""The restarts of one supervised thing: when it is due again, failing, or given up. Takes the time as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vanta.supervision.backoff import RestartPolicy


@dataclass(slots=True)
class Watch:
    """What supervision remembers of a process or server."""

    policy: RestartPolicy
    chance: Callable[[], float]
    state: str = "waiting"  # waiting, running, restarting, gave_up, stopped
    failures: int = 0
    restarts: int = 0
    is_failing: bool = False  # too many failures in a row, and no healthy uptime since
    started_at: float = 0.0
    due_at: float | None = 0.0

    def begin(self, now: float) -> None:
        """It is being started."""
        self.restarts += self.state == "restarting"
        self.state, self.started_at, self.due_at = "running", now, None

    def fail(self, now: float) -> float | None:
        """It died, or could not be started: seconds until it is due again, None when it is given up."""
        self.failures = self.policy.failures_after(self.failures, uptime_s=now - self.started_at)
        delay_s = self.policy.delay_s(self.failures, chance=self.chance())
        self.is_failing = self.policy.is_too_many(self.failures)
        self.state = "gave_up" if delay_s is None else "restarting"
        self.due_at = None if delay_s is None else now + delay_s
        return delay_s

    def forgive(self, now: float) -> bool:
        """Forget the failures of what runs healthily by now; whether that ends its failing."""
        if self.state != "running" or now - self.started_at < self.policy.healthy_after_s:
            return False
        was_failing, self.is_failing, self.failures = self.is_failing, False, 0
        return was_failing

    def is_due(self, now: float) -> bool:
        """Whether it should be started now."""
        return self.due_at is not None and now >= self.due_at

    def as_json(self) -> dict[str, Any]:
        """What the status file says of it. It is failing also in the moments that it runs between two failures."""
        state = "failing" if self.is_failing and self.state in {"running", "restarting"} else self.state
        return {"state": state, "failures": self.failures, "restarts": self.restarts}
