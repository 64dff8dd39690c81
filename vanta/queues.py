"""How many messages wait in each of Celery's queues, asked of the broker through kombu: Redis and RabbitMQ alike."""

from urllib.parse import urlsplit

import redis
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from vanta.broker import bounds
from vanta.celery import QUEUE_NAMES

TIMEOUT_S = 0.4
ALARMING_DEPTH = 1000
BrokerDown = (OperationalError, redis.RedisError, OSError)


def depths() -> dict[str, int]:
    """Messages waiting in each queue. Raises one of `BrokerDown`, after a second or so where the broker hangs."""
    _refuse_silent_redis()
    with Connection(
        settings.CELERY_BROKER_URL, connect_timeout=TIMEOUT_S, transport_options=bounds(TIMEOUT_S)
    ) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=TIMEOUT_S)
        return {name: _depth(connection, name) for name in QUEUE_NAMES}


def _refuse_silent_redis() -> None:
    """kombu's Redis client retries for many seconds; one of ours says soon whether anybody answers."""
    if not urlsplit(settings.CELERY_BROKER_URL).scheme.startswith("redis"):
        return
    with redis.Redis.from_url(
        settings.CELERY_BROKER_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), retries=0),
    ) as client:
        client.ping()


def _depth(connection: Connection, name: str) -> int:
    """A queue that nobody has declared yet has no messages."""
    try:
        with connection.channel() as channel:
            return int(channel.queue_declare(queue=name, passive=True).message_count)
    except connection.channel_errors:
        return 0
