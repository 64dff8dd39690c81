"""Signals that wake a selector, so that a loop hears of them at once."""

import selectors
import signal
import socket
from collections.abc import Callable
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SignalsWake:
    """For as long as the context lasts, stop signals go to `on_stop` and they and SIGCHLD wake `selector`."""

    def __init__(self, selector: selectors.BaseSelector, on_stop: Callable[[str], None]) -> None:
        self.selector, self.on_stop = selector, on_stop

    def __enter__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.selector.register(self._reader, selectors.EVENT_READ, self)
        self._before = {number: signal.signal(number, self._handle) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.selector.unregister(self._reader)
        self._reader.close()
        self._writer.close()

    def drain(self) -> None:
        """Take back the wake-ups."""
        self._reader.recv(512)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number in STOP_SIGNALS:
            self.on_stop(signal.Signals(number).name)
