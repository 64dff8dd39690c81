"""Canaries: a task that does nothing but say in Redis that it was carried out, to prove a queue's worker."""

from collections.abc import Sequence

from vanta import redis

TASK = "vanta.tasks.carry_canary"
KEPT_S = 60


def sing(token: str, queue: str) -> None:
    """Say that the canary of `token` in `queue` was carried out. Raises RedisDown."""
    redis.client().set(f"canary:{token}:{queue}", 1, ex=KEPT_S)


def silent(token: str, queues: Sequence[str]) -> list[str]:
    """The queues whose canary was not heard. Raises RedisDown."""
    heard = redis.client().mget([f"canary:{token}:{queue}" for queue in queues])
    return [queue for queue, sung in zip(queues, heard, strict=True) if sung is None]
