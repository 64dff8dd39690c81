"""The application's Redis: one client a process, with timeouts short enough for a request.

What Redis holds can be lost without losing an order: quotes, limits' windows, wake-up marks, heartbeats.
"""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError, TimeoutError
from redis.retry import Retry

RedisDown = (RedisError,)
Unreachable = (ConnectionError, TimeoutError)  # of these: nobody answered; the others are a refusal, as of a full one
CONNECT_TIMEOUT_S = 0.15
ANSWER_TIMEOUT_S = 0.2


def is_reachable() -> bool:
    """Whether Redis answers now; tells "there is nothing" from "nobody can look"."""
    try:
        return bool(client().ping())
    except RedisDown:
        return False  # that is the answer


def has_just_started(within_s: int) -> bool:
    """Whether Redis began to run less than `within_s` ago: what it kept from before may be old by now."""
    try:
        return int(client().info("server")["uptime_in_seconds"]) < within_s
    except RedisDown:
        return False  # it has not started at all


@cache
def client() -> redis.Redis:
    """The process's client; answers are `str`. Raises one of `RedisDown` after 0.2 s or little more.

    A connection that the server has closed is made anew, once; a server that does not answer is not asked again.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), retries=1, supported_errors=(ConnectionError,)),
        health_check_interval=30,
    )
