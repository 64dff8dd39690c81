"""A chat message, as the Bot API and as the chat page tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vanta.sandbox.telegram.formatting import Formatted

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or a document; the bytes are kept in the file store under `file_id`."""

    kind: str
    file_id: str
    size: int
    name: str = ""
    width: int = 0
    height: int = 0


@dataclass(slots=True)
class Message:
    """One message of a chat. `reply_markup` is Telegram's inline keyboard JSON."""

    chat_id: int
    message_id: int
    sender: Json
    date: int
    content: Formatted
    attachment: Attachment | None = None
    reply_markup: Json | None = None
    reply_to: int | None = None
    edited_at: int | None = None
    is_delivered: bool = False

    @property
    def is_from_bot(self) -> bool:
        return bool(self.sender["is_bot"])

    def as_telegram(self, chat: Json, reply_to: Message | None = None) -> Json:
        told: Json = {"message_id": self.message_id, "from": self.sender, "chat": chat, "date": self.date}
        words, entities = ("text", "entities") if self.attachment is None else ("caption", "caption_entities")
        if self.content.text:
            told[words] = self.content.text
        if self.content.entities:
            told[entities] = self.content.entities
        if self.attachment is not None:
            told |= _attachment(self.attachment)
        if self.reply_markup:
            told["reply_markup"] = self.reply_markup
        if self.edited_at:
            told["edit_date"] = self.edited_at
        if reply_to is not None:
            told["reply_to_message"] = reply_to.as_telegram(chat)
        return told

    def as_page(self) -> Json:
        told: Json = {
            "id": self.message_id,
            "chat_id": self.chat_id,
            "from_bot": self.is_from_bot,
            "date": self.date,
            "text": self.content.text,
            "html": self.content.page_html,
            "edited": self.edited_at is not None,
            "delivered": self.is_delivered,
            "reply_to": self.reply_to,
            "keyboard": (self.reply_markup or {}).get("inline_keyboard", []),
        }
        if self.attachment is not None:
            told["file"] = {
                "kind": self.attachment.kind,
                "url": f"/chat/files/{self.attachment.file_id}",
                "name": self.attachment.name,
                "width": self.attachment.width,
                "height": self.attachment.height,
            }
        return told


def _attachment(attachment: Attachment) -> Json:
    known: Json = {
        "file_id": attachment.file_id,
        "file_unique_id": attachment.file_id[:16],
        "file_size": attachment.size,
    }
    if attachment.kind == "photo":
        return {"photo": [{**known, "width": attachment.width, "height": attachment.height}]}
    return {"document": {**known, "file_name": attachment.name}}
