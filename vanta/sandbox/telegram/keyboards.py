"""Inline keyboards, checked as Telegram checks them."""

from __future__ import annotations

from typing import Any

from vanta.sandbox.telegram.errors import BadRequest
from vanta.sandbox.telegram.messages import Json

MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
_ACTIONS = ("callback_data", "url", "copy_text", "web_app", "login_url", "switch_inline_query", "pay")


def checked_markup(markup: Any) -> Json | None:
    """The markup to keep; None where there is no inline keyboard."""
    if not markup:
        return None
    if not isinstance(markup, dict):
        raise BadRequest("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequest('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    buttons = [button for row in rows for button in row]
    if len(buttons) > MAX_BUTTONS:
        raise BadRequest("REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        _check(button)
    return {"inline_keyboard": rows} if buttons else None


def _check(button: Any) -> None:
    if not isinstance(button, dict) or not button.get("text"):
        raise BadRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if not any(action in button for action in _ACTIONS):
        raise BadRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= MAX_CALLBACK_BYTES:
        raise BadRequest("BUTTON_DATA_INVALID")


def find_button(markup: Json | None, wanted: str) -> Json | None:
    """The button whose data or text is `wanted`."""
    rows = (markup or {}).get("inline_keyboard", [])
    buttons: list[Json] = [button for row in rows for button in row]
    for key in ("callback_data", "text"):
        for button in buttons:
            if button.get(key) == wanted:
                return button
    return None
