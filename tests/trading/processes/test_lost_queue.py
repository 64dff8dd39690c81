"""The broker loses everything: PostgreSQL still knows what is to be done, and the dispatcher says so."""

import pytest
import redis
from django.conf import settings

from tests.trading.processes.outside import confirmation, new_trader
from tests.trading.processes.system import System
from trading.models import Fill


@pytest.mark.processes
@pytest.mark.crash
def test_orders_complete_although_redis_was_emptied(vanta: System) -> None:
    vanta.control("POST", "/freeze", {"frozen": True})
    before, after = vanta.draft(new_trader()), vanta.draft(new_trader())

    vanta.stack.kill("worker-trading")
    vanta.post(confirmation(before)).raise_for_status()
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        assert broker.llen("updates") > 0, "there was nothing to lose"
        broker.flushall()
    assert vanta.post(confirmation(after)).status_code == 200
    vanta.stack.start("worker-trading")

    vanta.wait_filled(before, after, within_s=30)
    vanta.wait_quiet()
    assert Fill.objects.filter(order__in=[before, after]).count() == 2


@pytest.mark.processes
@pytest.mark.crash
def test_running_workers_are_woken_again_after_redis_was_emptied(vanta: System) -> None:
    vanta.control("POST", "/freeze", {"frozen": True})
    order = vanta.draft(new_trader())
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.flushall()
    assert vanta.post(confirmation(order)).status_code == 200
    vanta.wait_filled(order, within_s=30)
    vanta.wait_quiet()
