"""When to restart what died: exponential backoff with jitter, forgiven after healthy uptime. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long to wait after the n-th failure in a row, and how many are too many.

    What Vanta can do without is given up then. What it needs is tried for ever: its cause may be an outage of Redis or
    PostgreSQL, which lasts as long as it lasts, and a beat that was given up would be missing long after.
    """

    first_delay_s: float = 0.5
    longest_delay_s: float = 8.0  # with the jitter never more than 10 s
    factor: float = 2.0
    jitter: float = 0.25  # share of the delay, either way, so that what died together does not return together
    healthy_after_s: float = 30.0
    give_up_after: int = 10
    gives_up: bool = True

    def failures_after(self, failures: int, *, uptime_s: float) -> int:
        """Failures in a row, counting the one just seen; those before a healthy uptime are forgiven."""
        return 1 if uptime_s >= self.healthy_after_s else failures + 1

    def is_too_many(self, failures: int) -> bool:
        """Whether somebody has to be told that this will not heal by itself."""
        return failures >= self.give_up_after

    def delay_s(self, failures: int, *, chance: float) -> float | None:
        """Seconds until the next start, or None to give up. `chance` in [0, 1) places it within the jitter."""
        if self.gives_up and self.is_too_many(failures):
            return None
        # The exponent is bounded: a large power would overflow before min() could cut it.
        plain = min(self.first_delay_s * self.factor ** min(failures - 1, 64), self.longest_delay_s)
        return plain * (1 + self.jitter * (2 * chance - 1))
