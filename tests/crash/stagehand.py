"""Carries a lane's drills out, while the process on the path stands still."""

import json
import sys

import redis
from django.conf import settings

from tests.crash import acting, forks
from tests.crash.acting import Scenario
from tests.crash.drills import RESTART_POSTGRES
from tests.crash.forks import Child
from tests.crash.times import LaneClock
from tests.waiting import wait_until

ALONE_S = 0.3


class Stagehand:
    """Implements `drills.Stagehand`; `others` are the workers that it has let in, each to be waited for."""

    def __init__(self, clock: LaneClock, scenario: Scenario) -> None:
        self.others: list[Child] = []
        self._clock, self._scenario = clock, scenario

    def flush_redis(self) -> None:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushall()
        self._tell_price()

    def restart_postgres(self) -> None:
        """The lane's servers are those of the process that started the lane."""
        sys.stdout.write(json.dumps(RESTART_POSTGRES) + "\n")
        sys.stdout.flush()
        assert json.loads(sys.stdin.readline()) == RESTART_POSTGRES

    def step_clock(self, seconds: int) -> None:
        self._clock.forward(seconds)
        self._tell_price()

    def let_another_work(self) -> None:
        other = Child(acting.work)
        self.others.append(other)
        try:
            wait_until(other.has_ended, ALONE_S, "the second worker has found nothing more to do")
        except AssertionError:
            return  # it waits for a row that the first holds, or is not done yet: the first goes on beside it

    def _tell_price(self) -> None:
        told = forks.run(lambda: acting.tell_price(self._scenario.price))
        assert not told.error, told.error
