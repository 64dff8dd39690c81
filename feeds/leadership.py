"""Leading among replicas: one of them holds a lease in Redis and renews it, another takes over when it ends.

A lease that could not be renewed, because Redis is down or the process stood still, ends by the holder's own clock:
two that write for a moment do no harm (the newer quote stays), two that write for long would be a mistake.
"""

from contextlib import suppress

import redis as redis_client
from redis.exceptions import LockError
from redis.lock import Lock

from vanta import clock, redis


class Leadership:
    """One process's claim to a role. Used by one thread at a time; the instance may move between threads."""

    def __init__(self, role: str, *, lease_s: int) -> None:
        self._key, self._lease_s = f"leader:{role}", lease_s
        self._lock: Lock | None = None
        self._ends_at = clock.monotonic()

    @property
    def is_held(self) -> bool:
        """Whether the lease that was last taken or renewed still runs, by our own clock."""
        return self._lock is not None and clock.monotonic() < self._ends_at

    def take_or_renew(self) -> bool:
        """Try to lead, or to go on leading; whether we do. With Redis down: until the lease ends."""
        asked_at = clock.monotonic()
        try:
            won = self._renew(self._lock) if self._lock else self._take()
        except redis.RedisDown:
            return self.is_held
        if won:
            self._ends_at = asked_at + self._lease_s
        return won

    def give_up(self) -> None:
        """End the lease at once, so that another need not wait for its end."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(LockError, redis_client.RedisError):  # it ends by itself then
                lock.release()

    def _take(self) -> bool:
        lock = redis.client().lock(self._key, timeout=self._lease_s, blocking=False, thread_local=False)
        won = bool(lock.acquire())
        self._lock = lock if won else None
        return won

    def _renew(self, lock: Lock) -> bool:
        try:
            return bool(lock.reacquire())
        except LockError:
            self._lock = None  # it ended in between; somebody else may have it
            return self._take()
