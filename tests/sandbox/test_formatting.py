"""Telegram's HTML: what is parsed keeps its text and makes only safe markup, whatever was written."""

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vanta.sandbox.telegram.errors import BadRequest
from vanta.sandbox.telegram.formatting import parse, utf16_length

TAGS = ["<b>", "</b>", "<i>", "</i>", "</a>", "</span>", "<pre>", "</pre>", "<code>", "</code>", "<script>"]
ODD_TAGS = ["<a href='javascript:x'>", '<a href="https://x.y">', '<span class="tg-spoiler">', "<img src=x onerror=y>"]
WORDS = ["<", ">", "&", "&lt;", "&amp;lt;", "/go", "🟢", "text", "'", '"']
PIECES = st.sampled_from([*TAGS, *ODD_TAGS, "<b onclick=x>", *WORDS, " "])
SAFE_TAG = re.compile(
    r'</?(b|i|u|s|code|pre|blockquote|a|span)>|<span class="(spoiler|custom_emoji)">'
    r'|<a href="(#|https?://[^"<>]*|tg://[^"<>]*|mailto:[^"<>]*)" target="_blank" rel="noopener noreferrer">'
)


@given(st.lists(PIECES, max_size=14).map("".join))
@example("<a href='https://x.y\"onclick=\"z'>x</a>")
def test_the_page_gets_the_same_text_in_safe_markup_only(source: str) -> None:
    try:
        parsed = parse(source, "HTML")
    except BadRequest:
        return
    without_tags = SAFE_TAG.sub("", parsed.page_html)
    assert "<" not in without_tags
    assert unescape(without_tags) == parsed.text


@given(st.lists(PIECES, max_size=14).map("".join))
def test_entities_lie_inside_the_text(source: str) -> None:
    try:
        parsed = parse(source, "HTML")
    except BadRequest:
        return
    for entity in parsed.entities:
        assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= utf16_length(parsed.text)


@given(st.text())
def test_text_without_a_parse_mode_is_kept_as_it_is(source: str) -> None:
    try:
        parsed = parse(source, None)
    except UnicodeError:
        return
    assert parsed.text == source.strip()
    assert unescape(parsed.page_html) == parsed.text


def test_offsets_count_utf16_units() -> None:
    assert parse("🟢 <b>on</b>", "HTML").entities == [{"type": "bold", "offset": 3, "length": 2}]


def test_a_link_that_would_run_code_leads_nowhere() -> None:
    assert 'href="#"' in parse('<a href="javascript:alert(1)">x</a>', "HTML").page_html


def test_an_unknown_parse_mode_is_refused() -> None:
    with pytest.raises(BadRequest, match="unsupported parse_mode"):
        parse("x", "BBCode")
