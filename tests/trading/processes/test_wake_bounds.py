"""A wake never holds up whoever publishes it, not even where a broker apart from the application's Redis hangs."""

import socket
from collections.abc import Iterator

import pytest

from vanta import clock, wake


@pytest.fixture
def hung_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The broker's port takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        monkeypatch.setitem(wake._paused_until, "broker", 0.0)
        wake._broker.cache_clear()
        yield
    wake._broker.cache_clear()


@pytest.mark.django_db
def test_publishing_to_a_hung_broker_is_given_up_in_time_and_not_tried_again_at_once(hung_broker: None) -> None:
    started = clock.monotonic()
    assert not wake.publish("updates")
    assert clock.monotonic() - started < 0.45
    for _ in range(20):
        assert not wake.publish("orders")
    assert clock.monotonic() - started < 0.5
