"""The chain's head as a worker last saw it, kept in Redis: health checks read it without web3 and without waiting."""

from dataclasses import dataclass

from vanta import clock, redis

KEY = "blockchain:head"
KEPT_S = 3600


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest block, and when we learned of it."""

    number: int
    seen_at_ms: int

    @property
    def age_s(self) -> float:
        """Seconds since the chain last answered."""
        return (clock.now_ms() - self.seen_at_ms) / 1000


def record_head(number: int) -> ChainHead:
    """Keep the newest block's number with the time. Raises RedisDown."""
    head = ChainHead(number, clock.now_ms())
    redis.client().set(KEY, f"{head.number}:{head.seen_at_ms}", ex=KEPT_S)
    return head


def last_head() -> ChainHead | None:
    """The head that was last seen; None where the chain has not answered for an hour. Raises RedisDown."""
    text = redis.client().get(KEY)
    if text is None:
        return None
    number, _, seen_at_ms = str(text).partition(":")
    return ChainHead(int(number), int(seen_at_ms))
