"""A process that confirms drafts, one transaction each, as a worker that handles other chats would at that moment.

python -m tests.trading.processes.confirming 11 12 13
"""

import sys

import django

django.setup()

from trading.models import Order  # noqa: E402
from trading.services import placing  # noqa: E402
from vanta import redis  # noqa: E402


def main() -> None:
    """Say that it is ready, then decide on every draft that is named."""
    redis.client().ping()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for order in Order.objects.filter(pk__in=map(int, sys.argv[1:])).select_related("trader").order_by("pk"):
        placing.place(trader=order.trader, order_id=order.pk)


if __name__ == "__main__":
    main()
