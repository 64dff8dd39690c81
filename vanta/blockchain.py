"""The chain's head as a worker last saw it, kept in Redis: health checks read it without web3 and without waiting."""

from dataclasses import dataclass

from vanta import clock, redis

KEY = "blockchain:latest"
KEPT_S = 3600


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest block with its own time, on which chain it is, and when we learned of it."""

    number: int
    seen_at_ms: int
    block_at_s: int
    chain_id: int

    @property
    def age_s(self) -> float:
        """Seconds since the newest block that is known: it grows where the chain stands, the node lags, or is away."""
        return clock.now_ms() / 1000 - self.block_at_s


def record_head(number: int, *, block_at_s: int, chain_id: int) -> ChainHead:
    """Keep the newest block with the time. Raises RedisDown."""
    head = ChainHead(number, clock.now_ms(), block_at_s, chain_id)
    text = f"{head.number}:{head.seen_at_ms}:{head.block_at_s}:{head.chain_id}"
    redis.client().set(KEY, text, ex=KEPT_S)
    return head


def last_head() -> ChainHead | None:
    """The head that was last seen; None where the chain has not answered for an hour. Raises RedisDown."""
    text = redis.client().get(KEY)
    return ChainHead(*map(int, str(text).split(":"))) if text is not None else None
