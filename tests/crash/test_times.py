"""A lane's clock: whoever asks for the time gets its time."""

import pytest

from tests.crash import live
from tests.crash.times import LaneClock
from trading.models import Attempt, Order, VenueEvent
from vanta import clock


@pytest.fixture
def lane_clock(monkeypatch: pytest.MonkeyPatch) -> LaneClock:
    for name in ("dt", "time"):
        monkeypatch.setattr(clock, name, getattr(clock, name))  # put back afterwards
    monkeypatch.setattr(live, "set_venue_clock", lambda offset_s: None)  # there is no sandbox here
    return LaneClock()


def test_it_goes_forward_by_whole_steps(lane_clock: LaneClock) -> None:
    before_ms = clock.now_ms()
    lane_clock.forward(30)
    lane_clock.forward(7)
    assert lane_clock.ahead_s == 37
    assert 37_000 <= clock.now_ms() - before_ms < 67_000
    assert clock.from_ms(before_ms) < clock.now()


@pytest.mark.parametrize("column", [Attempt.started_at, VenueEvent.received_at, Order.next_check_at, Order.created_at])
def test_what_columns_begin_with_goes_by_it_too(lane_clock: LaneClock, column: object) -> None:
    lane_clock.forward(3600)
    began = column.field.get_default()  # type: ignore[attr-defined]
    assert abs((clock.now() - began).total_seconds()) < 60
