"""The Bot API's methods about the bot itself, its webhook and its files, and the table of all methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vanta.sandbox.telegram import methods
from vanta.sandbox.telegram.errors import BadRequest
from vanta.sandbox.telegram.forms import Form
from vanta.sandbox.telegram.messages import Json
from vanta.sandbox.telegram.methods import Bot


def get_me(bot: Bot, form: Form) -> Json:
    rights = {"can_join_groups": False, "can_read_all_group_messages": False, "supports_inline_queries": False}
    return {**bot.chats.bot, **rights, "can_connect_to_business": False, "has_main_web_app": False}


def set_webhook(bot: Bot, form: Form) -> bool:
    if form.truth("drop_pending_updates"):
        bot.delivery.drop_pending()
    bot.delivery.point_at(form.text("url"), form.text("secret_token") if "secret_token" in form.values else None)
    return True


def delete_webhook(bot: Bot, form: Form) -> bool:
    if form.truth("drop_pending_updates"):
        bot.delivery.drop_pending()
    bot.delivery.point_at("", None)
    return True


def get_webhook_info(bot: Bot, form: Form) -> Json:
    told: Json = {
        "url": bot.delivery.url,
        "has_custom_certificate": False,
        "pending_update_count": bot.delivery.pending,
        "max_connections": 40,
    }
    if bot.delivery.last_error:
        told |= {"last_error_date": bot.delivery.last_error_at, "last_error_message": bot.delivery.last_error}
    return told


def set_my_commands(bot: Bot, form: Form) -> bool:
    commands = form.structure("commands")
    if not isinstance(commands, list) or len(commands) > 100:
        raise BadRequest("commands must be an array of at most 100 BotCommand")
    if form.structure("scope") and (form.structure("scope") or {}).get("type") != "default":
        return True
    bot.chats.commands = commands
    if bot.chats.subscribers:
        bot.chats.tell("commands", commands=commands)
    return True


def delete_my_commands(bot: Bot, form: Form) -> bool:
    bot.chats.commands = []
    return True


def get_my_commands(bot: Bot, form: Form) -> list[Json]:
    return bot.chats.commands


def get_updates(bot: Bot, form: Form) -> list[Json]:
    return []


def get_chat(bot: Bot, form: Form) -> Json:
    chat = bot.chats.chat(form.integer("chat_id"))
    return {**chat.as_telegram, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _NO_GIFTS}


def get_file(bot: Bot, form: Form) -> Json:
    file_id = form.text("file_id")
    found = bot.chats.files.get(file_id)
    if found is None:
        raise BadRequest("wrong file_id or the file is temporarily unavailable")
    known = {"file_id": file_id, "file_unique_id": file_id[:16], "file_size": len(found.content)}
    return {**known, "file_path": f"files/{file_id}"}


def accept(bot: Bot, form: Form) -> bool:
    """Methods whose effect nobody sees here."""
    return True


_NO_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)
METHODS: dict[str, Callable[[Bot, Form], Any]] = {
    "getme": get_me,
    "sendmessage": methods.send_message,
    "sendphoto": methods.send_photo,
    "senddocument": methods.send_document,
    "editmessagetext": methods.edit_message_text,
    "editmessagecaption": methods.edit_message_caption,
    "editmessagereplymarkup": methods.edit_message_reply_markup,
    "editmessagemedia": methods.edit_message_media,
    "deletemessage": methods.delete_message,
    "answercallbackquery": methods.answer_callback_query,
    "sendchataction": methods.send_chat_action,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "setmycommands": set_my_commands,
    "deletemycommands": delete_my_commands,
    "getmycommands": get_my_commands,
    "setmydescription": accept,
    "setmyshortdescription": accept,
    "setmyname": accept,
    "setchatmenubutton": accept,
    "logout": accept,
    "close": accept,
    "getupdates": get_updates,
    "getchat": get_chat,
    "getfile": get_file,
}
