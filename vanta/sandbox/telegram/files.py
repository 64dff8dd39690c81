"""The files that the bot uploaded, in memory: the newest two hundred."""

from __future__ import annotations

import secrets
import struct
from collections import OrderedDict
from dataclasses import dataclass

KEPT_FILES = 200


@dataclass(frozen=True, slots=True)
class StoredFile:
    name: str
    content: bytes
    media_type: str


class FileStore:
    """Files by id; the oldest go first."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, StoredFile] = OrderedDict()

    def put(self, name: str, content: bytes, file_id: str = "") -> str:
        """Stores a file under a new id, or under the one that it had in an earlier run."""
        file_id = file_id or "AgAC" + secrets.token_urlsafe(24)
        self._files[file_id] = StoredFile(name, content, media_type(content))
        while len(self._files) > KEPT_FILES:
            self._files.popitem(last=False)
        return file_id

    def newest(self, count: int) -> list[tuple[str, StoredFile]]:
        return list(self._files.items())[-count:]

    def get(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)


def media_type(content: bytes) -> str:
    """The type that the first bytes tell; never one that a browser would run."""
    if content.startswith(b"\x89PNG\r\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"GIF8"):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG; a usual chart's size for other formats."""
    if content.startswith(b"\x89PNG\r\n") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    return 1280, 720
