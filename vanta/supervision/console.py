"""What a terminal shows: every process's lines under its name, coloured on a terminal, plain elsewhere."""

import os
import zlib
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
RED = 31


class Console:
    """Writes whole lines, so that those of different processes never mix."""

    def __init__(self, stream: TextIO, *, width: int) -> None:
        self.stream, self.width = stream, width
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, name: str, text: str, *, alarm: bool = False) -> None:
        """One line of the process `name`; `alarm` for what a person must see."""
        prefix = f"{name:<{self.width}} | "
        if self.coloured:
            colour = RED if alarm else COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
            text = f"\x1b[1;{RED}m{text}\x1b[0m" if alarm else text
        self.screen(prefix + text)

    def screen(self, text: str) -> None:
        """A text of our own, as it is. A reader that has gone away (`| head`) does not stop the processes."""
        try:
            self.stream.write(text + "\n")
            self.stream.flush()
        except BrokenPipeError:
            self.stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (for the rest of the run)


class LineBuffer:
    """Cuts a process's output into lines; bytes that are no UTF-8 are shown, a line without end is cut at 64 KiB."""

    LONGEST = 65536

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def flush(self) -> list[str]:
        """What is left when the output has ended."""
        return self.feed(b"\n") if self._rest else []
