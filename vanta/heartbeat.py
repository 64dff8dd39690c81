"""Signs of life that other processes can read: when something last ran, in Redis."""

from vanta import clock, redis

KEPT_S = 3600


def beat(name: str) -> None:
    """Say that `name` is alive now. Raises RedisDown."""
    redis.client().set(f"heartbeat:{name}", clock.now_ms(), ex=KEPT_S)


def age_s(name: str) -> float | None:
    """Seconds since `name` last said so; None where it never did. Raises RedisDown."""
    value = redis.client().get(f"heartbeat:{name}")
    return None if value is None else (clock.now_ms() - int(str(value))) / 1000
