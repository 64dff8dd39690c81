"""Telegram's HTML parse mode: text and entities for the client, safe HTML for the chat page.

Refuses what Telegram refuses, in its words, so that a message that works here works there.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

from vanta.sandbox.telegram.errors import BadRequest

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_PAGE_TAGS = {"bold": "b", "italic": "i", "underline": "u", "strikethrough": "s", "code": "code", "pre": "pre"}
_PAGE_TAGS |= {"blockquote": "blockquote", "text_link": "a"}
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s[^<>]*)?)>|<|&(?:#\d+|#x[0-9a-fA-F]+|lt|gt|amp|quot);")
_ATTRIBUTE = re.compile(r"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?!\w)")
_SAFE_LINK = re.compile(r"^(https?://|tg://|mailto:)", re.IGNORECASE)


@dataclass(slots=True)
class Formatted:
    """A parsed message. Entity offsets count UTF-16 units, as Telegram's do."""

    text: str
    entities: list[dict[str, Any]] = field(default_factory=list)
    page_html: str = ""


@dataclass(slots=True)
class _Open:
    tag: str
    kind: str
    offset: int
    page_close: str
    extra: dict[str, Any]


def plain(text: str) -> Formatted:
    """A message without formatting."""
    text = text.strip()
    return Formatted(text, _command_entities(text), html.escape(text, quote=False))


def parse(text: str, parse_mode: str | None) -> Formatted:
    """Parses by parse mode; HTML is understood, both Markdown modes are shown as they are written.

    Raises BadRequest, and UnicodeError for text that is no UTF-8 (half a surrogate pair).
    """
    text.encode()
    if not parse_mode or parse_mode.lower() in {"markdown", "markdownv2"}:
        return plain(text)
    if parse_mode.lower() != "html":
        raise BadRequest(f"unsupported parse_mode: {parse_mode}")
    if "<" not in text and "&" not in text:
        return plain(text)
    return _Parser(text.strip()).run()


def utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.plain: list[str] = []
        self.page: list[str] = []
        self.units = 0
        self.open: list[_Open] = []
        self.entities: list[dict[str, Any]] = []

    def run(self) -> Formatted:
        position = 0
        for token in _TOKEN.finditer(self.source):
            self._text(self.source[position : token.start()])
            position = token.end()
            self._token(token)
        self._text(self.source[position:])
        if self.open:
            raise BadRequest(f"can't parse entities: Can't find end tag corresponding to start tag {self.open[-1].tag}")
        text = "".join(self.plain)
        entities = sorted(self.entities + _command_entities(text), key=lambda entity: int(entity["offset"]))
        return Formatted(text, entities, "".join(self.page))

    def _token(self, token: re.Match[str]) -> None:
        raw, slash, tag = token.group(0), token.group(1), (token.group(2) or "").lower()
        if raw.startswith("&"):
            self._text(html.unescape(raw))
        elif slash:
            self._end(tag, token.start())
        else:
            self._start(tag, token.group(3) or "", token.start())

    def _text(self, text: str) -> None:
        if text:
            self.plain.append(text)
            self.page.append(html.escape(text, quote=False))
            self.units += utf16_length(text)

    def _start(self, tag: str, attributes: str, at: int) -> None:
        given = {m.group(1): html.unescape(m.group(2) or m.group(3) or m.group(4) or "") for m in _find(attributes)}
        kind = _KINDS.get(tag)
        if kind is None or (tag == "span" and given.get("class") != "tg-spoiler"):
            raise BadRequest(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {self._bytes(at)}')
        extra: dict[str, Any] = {}
        if kind == "text_link":
            extra["url"] = given.get("href", "")
        page_open, page_close = _page_tags(kind, extra)
        self.page.append(page_open)
        self.open.append(_Open(tag, kind, self.units, page_close, extra))

    def _end(self, tag: str, at: int) -> None:
        if not self.open:
            raise BadRequest(f"can't parse entities: Unexpected end tag at byte offset {self._bytes(at)}")
        opened = self.open.pop()
        if opened.tag != tag:
            raise BadRequest(
                f"can't parse entities: Unmatched end tag at byte offset {self._bytes(at)}, "
                f'expected "</{opened.tag}>", found "</{tag}>"'
            )
        self.page.append(opened.page_close)
        length = self.units - opened.offset
        if length and not (opened.kind == "text_link" and not opened.extra["url"]):
            self.entities.append({"type": opened.kind, "offset": opened.offset, "length": length, **opened.extra})

    def _bytes(self, at: int) -> int:
        return len(self.source[:at].encode())


def _find(attributes: str) -> list[re.Match[str]]:
    return list(_ATTRIBUTE.finditer(attributes))


def _page_tags(kind: str, extra: dict[str, Any]) -> tuple[str, str]:
    if kind in {"spoiler", "custom_emoji"}:
        return f'<span class="{kind}">', "</span>"
    if kind == "text_link":
        url = extra["url"] if _SAFE_LINK.match(extra["url"]) else "#"
        return f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">', "</a>"
    tag = _PAGE_TAGS[kind]
    return f"<{tag}>", f"</{tag}>"


def _command_entities(text: str) -> list[dict[str, Any]]:
    if "/" not in text:
        return []
    return [
        {"type": "bot_command", "offset": utf16_length(text[: m.start()]), "length": len(m.group())}
        for m in _COMMAND.finditer(text)
    ]
