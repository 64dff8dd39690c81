"""The Bot API's methods about messages. Each takes a call's form and returns its `result`, or raises BotApiError."""

from __future__ import annotations

import time
from dataclasses import dataclass

from vanta.sandbox.telegram import formatting
from vanta.sandbox.telegram.chats import Chat, Chats
from vanta.sandbox.telegram.delivery import WebhookDelivery
from vanta.sandbox.telegram.errors import BadRequest
from vanta.sandbox.telegram.files import picture_size
from vanta.sandbox.telegram.formatting import Formatted
from vanta.sandbox.telegram.forms import Form
from vanta.sandbox.telegram.keyboards import checked_markup
from vanta.sandbox.telegram.messages import Attachment, Json, Message

MAX_TEXT, MAX_CAPTION, MAX_TOAST = 4096, 1024, 200
_UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)


@dataclass(slots=True)
class Bot:
    """What a method works on."""

    chats: Chats
    delivery: WebhookDelivery


def _formatted(form: Form, name: str, limit: int) -> Formatted:
    content = formatting.parse(form.text(name), form.text("parse_mode") or None)
    if len(content.text) > limit:
        raise BadRequest("message is too long" if name == "text" else "message caption is too long")
    return content


def _reply_to(form: Form) -> int | None:
    parameters = form.structure("reply_parameters")
    if isinstance(parameters, dict) and parameters.get("message_id"):
        return int(parameters["message_id"])
    return form.integer("reply_to_message_id")


def _told(chat: Chat, message: Message) -> Json:
    replied = chat.messages.get(message.reply_to) if message.reply_to else None
    return message.as_telegram(chat.as_telegram, replied)


def send_message(bot: Bot, form: Form) -> Json:
    chat = bot.chats.chat(form.integer("chat_id"))
    content = _formatted(form, "text", MAX_TEXT)
    if not content.text:
        raise BadRequest("message text is empty")
    markup = checked_markup(form.structure("reply_markup"))
    message = bot.chats.add(chat, content=content, from_bot=True, reply_markup=markup, reply_to=_reply_to(form))
    return _told(chat, message)


def _stored(bot: Bot, form: Form, kind: str, name: str) -> Attachment:
    upload = form.files.get(name)
    if upload is None:
        known = bot.chats.files.get(form.text(name))
        if known is None:
            raise BadRequest(f"there is no {kind} in the request")
        width, height = picture_size(known.content)
        return Attachment(kind, form.text(name), len(known.content), known.name, width, height)
    if not upload.content:
        raise BadRequest("file must be non-empty")
    width, height = picture_size(upload.content) if kind == "photo" else (0, 0)
    file_id = bot.chats.files.put(upload.name, upload.content)
    return Attachment(kind, file_id, len(upload.content), upload.name, width, height)


def _send_file(bot: Bot, form: Form, kind: str) -> Json:
    chat = bot.chats.chat(form.integer("chat_id"))
    content = _formatted(form, "caption", MAX_CAPTION)
    markup = checked_markup(form.structure("reply_markup"))
    attachment = _stored(bot, form, kind, kind)
    message = bot.chats.add(
        chat,
        content=content,
        from_bot=True,
        attachment=attachment,
        reply_markup=markup,
        reply_to=_reply_to(form),
    )
    return _told(chat, message)


def send_photo(bot: Bot, form: Form) -> Json:
    return _send_file(bot, form, "photo")


def send_document(bot: Bot, form: Form) -> Json:
    return _send_file(bot, form, "document")


def _to_edit(bot: Bot, form: Form) -> tuple[Chat, Message]:
    chat = bot.chats.chat(form.integer("chat_id"))
    message = chat.messages.get(form.integer("message_id") or 0)
    if message is None:
        raise BadRequest("message to edit not found")
    if not message.is_from_bot:
        raise BadRequest("message can't be edited")
    return chat, message


def _edited(bot: Bot, chat: Chat, message: Message, content: Formatted, markup: Json | None) -> Json:
    same_words = content.text == message.content.text and content.entities == message.content.entities
    if same_words and markup == message.reply_markup:
        raise BadRequest(_UNCHANGED)
    message.content, message.reply_markup = content, markup
    return _mark_edited(bot, chat, message)


def _mark_edited(bot: Bot, chat: Chat, message: Message) -> Json:
    message.edited_at = int(time.time())
    if bot.chats.subscribers:
        bot.chats.tell("edit", chat_id=message.chat_id, message=message.as_page())
    return _told(chat, message)


def edit_message_text(bot: Bot, form: Form) -> Json:
    chat, message = _to_edit(bot, form)
    if message.attachment is not None:
        raise BadRequest("there is no text in the message to edit")
    content = _formatted(form, "text", MAX_TEXT)
    if not content.text:
        raise BadRequest("message text is empty")
    return _edited(bot, chat, message, content, checked_markup(form.structure("reply_markup")))


def edit_message_caption(bot: Bot, form: Form) -> Json:
    chat, message = _to_edit(bot, form)
    if message.attachment is None:
        raise BadRequest("there is no caption in the message to edit")
    content = _formatted(form, "caption", MAX_CAPTION)
    return _edited(bot, chat, message, content, checked_markup(form.structure("reply_markup")))


def edit_message_reply_markup(bot: Bot, form: Form) -> Json:
    chat, message = _to_edit(bot, form)
    return _edited(bot, chat, message, message.content, checked_markup(form.structure("reply_markup")))


def edit_message_media(bot: Bot, form: Form) -> Json:
    chat, message = _to_edit(bot, form)
    media = form.structure("media")
    if not isinstance(media, dict):
        raise BadRequest("can't parse InputMedia")
    kind = "photo" if media.get("type") == "photo" else "document"
    name = str(media.get("media", "")).removeprefix("attach://")
    form.values.setdefault(name, name)
    caption = Form({"caption": media.get("caption", ""), "parse_mode": media.get("parse_mode", "")})
    message.attachment = _stored(bot, form, kind, name)
    message.content = _formatted(caption, "caption", MAX_CAPTION)
    message.reply_markup = checked_markup(form.structure("reply_markup"))
    return _mark_edited(bot, chat, message)


def delete_message(bot: Bot, form: Form) -> bool:
    chat = bot.chats.chat(form.integer("chat_id"))
    message = chat.messages.pop(form.integer("message_id") or 0, None)
    if message is None:
        raise BadRequest("message to delete not found")
    if bot.chats.subscribers:
        bot.chats.tell("delete", chat_id=message.chat_id, message_id=message.message_id)
    return True


def answer_callback_query(bot: Bot, form: Form) -> bool:
    text = form.text("text")
    if len(text) > MAX_TOAST:
        raise BadRequest("MESSAGE_TOO_LONG")
    callback_id = form.text("callback_query_id")
    opened = bot.chats.close_callback(callback_id)
    if bot.chats.subscribers:
        shown = {"callback_id": callback_id, "message_id": opened.message_id, "text": text}
        bot.chats.tell("answer", chat_id=opened.chat_id, alert=form.truth("show_alert"), **shown)
    return True


def send_chat_action(bot: Bot, form: Form) -> bool:
    chat = bot.chats.chat(form.integer("chat_id"))
    if bot.chats.subscribers and not chat.is_blocked:
        bot.chats.tell("typing", chat_id=chat.person["id"], action=form.text("action"))
    return True
