"""Signs of life that other processes can read: when something last ran, in Redis."""

from collections.abc import Sequence

from django.conf import settings

from vanta import clock, redis

KEPT_S = 3600
BEAT_LOCK_KEY = "redbeat::lock"
# After how many seconds silence is a fault. The workers' and the signing worker's come from canary tasks.
MAX_AGES_S = {"workers": 15, "signing": 20, "dispatcher": 5, "streamer": 15}


def beat(name: str) -> None:
    """Say that `name` is alive now. Raises RedisDown."""
    redis.client().set(f"heartbeat:{name}", clock.now_ms(), ex=KEPT_S)


def age_s(name: str) -> float | None:
    """Seconds since `name` last said so; None where it never did. Raises RedisDown."""
    value = redis.client().get(f"heartbeat:{name}")
    return None if value is None else (clock.now_ms() - int(str(value))) / 1000


def ages_s(names: Sequence[str]) -> dict[str, float | None]:
    """The same of several, asked at once. Raises RedisDown."""
    values = redis.client().mget([f"heartbeat:{name}" for name in names])
    now_ms = clock.now_ms()
    seen = zip(names, values, strict=True)
    return {name: None if value is None else (now_ms - int(str(value))) / 1000 for name, value in seen}


def beat_age_s() -> float | None:
    """Seconds since beat renewed its lock, as it does at each look at its schedule; None where none holds it.

    Raises RedisDown.
    """
    left_ms = int(redis.client().pttl(BEAT_LOCK_KEY))
    return None if left_ms <= 0 else max(0.0, settings.CELERY_REDBEAT_LOCK_TIMEOUT - left_ms / 1000)
