"""Restarts wait ever longer, a healthy uptime forgives; trying ends only for what Vanta can do without."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanta.supervision.backoff import RestartPolicy
from vanta.supervision.jobs import JobGaveUp, JobReport, supervise
from vanta.supervision.watch import Watch

POLICY = RestartPolicy(first_delay_s=1, longest_delay_s=10, factor=2, jitter=0.5, healthy_after_s=30, give_up_after=6)
MIDDLE = 0.5  # the chance that leaves a delay as it is


@pytest.mark.parametrize(("failures", "delay_s"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, None), (99, None)])
def test_the_delay_doubles_to_its_longest_and_then_supervision_gives_up(failures: int, delay_s: float | None) -> None:
    assert POLICY.delay_s(failures, chance=MIDDLE) == delay_s


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_its_share_however_often_a_process_failed(failures: int, chance: float) -> None:
    policy = RestartPolicy(give_up_after=10**10)
    plain, moved = policy.delay_s(failures, chance=MIDDLE), policy.delay_s(failures, chance=chance)

    assert plain is not None
    assert moved is not None
    assert 0 < plain <= policy.longest_delay_s
    assert plain * (1 - policy.jitter) <= moved <= plain * (1 + policy.jitter)


@pytest.mark.parametrize(("uptime_s", "failures"), [(0, 5), (29.9, 5), (30, 1), (9999, 1)])
def test_only_a_healthy_uptime_forgives_earlier_failures(uptime_s: float, failures: int) -> None:
    assert POLICY.failures_after(4, uptime_s=uptime_s) == failures


def test_a_watch_is_due_after_its_delay_and_counts_restarts() -> None:
    watch = Watch(POLICY, lambda: MIDDLE)
    watch.begin(100)

    assert watch.fail(105) == 1
    assert (watch.is_due(105.9), watch.is_due(106)) == (False, True)
    watch.begin(106)

    assert watch.as_json() == {"state": "running", "failures": 1, "restarts": 1}


def test_no_pause_is_longer_than_ten_seconds_so_that_all_is_back_soon_after_a_long_outage() -> None:
    policy = RestartPolicy(gives_up=False)

    assert policy.delay_s(10**6, chance=1) == 10


def test_what_is_needed_counts_as_failing_after_too_many_failures_until_it_has_run_healthily() -> None:
    watch = Watch(replace(POLICY, gives_up=False), lambda: MIDDLE)
    states = []
    for died_at in range(100, 170, 10):
        watch.begin(died_at - 1)
        states.append(watch.as_json()["state"])
        assert watch.fail(died_at) is not None

    assert states == ["running"] * 6 + ["failing"]  # it is started again, and still counts as failing
    watch.begin(200)
    assert (watch.forgive(229), watch.as_json()["state"]) == (False, "failing")
    assert (watch.forgive(230), watch.as_json()["state"]) == (True, "running")
    assert (watch.forgive(231), watch.as_json()["failures"]) == (False, 0)


class Job:
    """Fails as often as it is told, living `lives_s` each time by the test's clock."""

    def __init__(self, *, failures: int, lives_s: float = 0) -> None:
        self.left, self.lives_s = failures, lives_s
        self.now, self.delays, self.reports = 0.0, list[float](), list[JobReport]()

    async def __call__(self) -> None:
        self.now += self.lives_s
        if self.left:
            self.left -= 1
            raise ConnectionError("the stream broke")

    async def pause(self, delay_s: float) -> None:
        self.delays.append(delay_s)

    def supervise(self) -> None:
        asyncio.run(
            supervise(
                self,
                name="streamer",
                policy=POLICY,
                report=self.reports.append,
                clock=lambda: self.now,
                chance=lambda: MIDDLE,
                pause=self.pause,
            )
        )


def test_a_job_that_returns_has_finished_and_is_not_started_again() -> None:
    job = Job(failures=0)
    job.supervise()

    assert [report.state for report in job.reports] == ["running", "finished"]
    assert job.delays == []


def test_a_job_that_fails_is_started_again_with_growing_delays_until_it_returns() -> None:
    job = Job(failures=4)
    job.supervise()

    assert job.delays == [1, 2, 4, 8]
    assert job.reports[-1] == JobReport("streamer", "finished", 4)


def test_a_job_that_ran_healthily_before_each_failure_is_never_given_up() -> None:
    job = Job(failures=50, lives_s=31)
    job.supervise()

    assert job.delays == [1] * 50


def test_a_job_that_fails_too_often_in_a_row_is_given_up_with_its_last_error() -> None:
    job = Job(failures=99)

    with pytest.raises(JobGaveUp, match="streamer failed 6 times in a row") as raised:
        job.supervise()

    assert isinstance(raised.value.__cause__, ConnectionError)
    assert job.reports[-1].state == "gave_up"


def test_cancelling_a_supervised_job_cancels_it_and_starts_nothing() -> None:
    states: list[str] = []

    async def scenario() -> None:
        running = asyncio.Event()

        async def job() -> None:
            running.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(supervise(job, name="streamer", report=lambda report: states.append(report.state)))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert states == ["running"]
