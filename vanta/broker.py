"""How long a connection to the broker may wait, in the words of each broker that Celery may have here."""

REDIS = ("socket_timeout", "socket_connect_timeout")
AMQP = ("connect_timeout", "read_timeout", "write_timeout")


def bounds(seconds: float) -> dict[str, float]:
    """Transport options of kombu; Redis leaves RabbitMQ's alone, and RabbitMQ Redis's."""
    return dict.fromkeys((*REDIS, *AMQP), seconds)
