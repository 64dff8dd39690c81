"""Request bodies as the Bot API takes them: JSON, URL-encoded, multipart. Values that hold JSON are decoded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from vanta.sandbox.telegram.errors import BadRequest

_NAME = re.compile(rb'name="([^"]*)"')
_FILENAME = re.compile(rb'filename="([^"]*)"')
_BOUNDARY = re.compile(rb'boundary="?([^";]+)"?')


@dataclass(slots=True)
class Upload:
    name: str
    content: bytes


@dataclass(slots=True)
class Form:
    """The parameters of a call and the files that came with it."""

    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        value = self.values.get(name)
        try:
            return None if value is None or value == "" else int(value)
        except (TypeError, ValueError):
            raise BadRequest(f"{name} must be an integer") from None

    def structure(self, name: str) -> Any:
        """A parameter that is JSON, given as JSON or as text of it."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise BadRequest(f"can't parse {name} JSON object") from None

    def truth(self, name: str) -> bool:
        return str(self.values.get(name, "")).lower() in {"true", "1"}


def read_form(content_type: bytes, body: bytes, query: bytes) -> Form:
    """The form of a request, whatever way it was sent in."""
    form = Form(dict(parse_qsl(query.decode(), keep_blank_values=True)) if query else {})
    if not body:
        return form
    if content_type.startswith(b"application/x-www-form-urlencoded"):
        form.values.update(parse_qsl(body.decode(), keep_blank_values=True))
    elif content_type.startswith(b"multipart/form-data"):
        _read_multipart(form, content_type, body)
    elif content_type.startswith(b"application/json"):
        form.values.update(_read_json(body))
    return form


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise BadRequest("can't parse JSON object") from None
    return value if isinstance(value, dict) else {}


def _read_multipart(form: Form, content_type: bytes, body: bytes) -> None:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadRequest("multipart boundary is missing")
    for part in body.split(b"--" + found.group(1)):
        head, gap, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not gap or name is None:
            continue
        content = content.removesuffix(b"\r\n")
        filename = _FILENAME.search(head)
        if filename is None:
            form.values[name.group(1).decode()] = content.decode()
        else:
            form.files[name.group(1).decode()] = Upload(filename.group(1).decode(), content)
