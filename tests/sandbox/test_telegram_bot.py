"""The unmodified python-telegram-bot talks to the sandbox as it would to Telegram."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from PIL import Image
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from tests.sandbox.conftest import TOKEN, Sandbox

T = TypeVar("T")
ADA = 1001


def with_bot(sandbox: Sandbox, action: Callable[[Bot], Awaitable[T]], token: str = TOKEN) -> T:
    """Runs an action with an initialised Bot, on a loop of its own."""

    async def run() -> T:
        base = f"{sandbox.url}/telegram/bot"
        async with Bot(token, base_url=base, base_file_url=f"{sandbox.url}/telegram/file/bot") as bot:
            return await action(bot)

    return asyncio.run(run())


def picture(colour: str) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (640, 360), colour).save(made, "PNG")
    return made.getvalue()


KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Confirm", callback_data="confirm:1")]])


def test_a_message_arrives_with_its_formatting_its_keyboard_and_its_reply(sandbox: Sandbox) -> None:
    async def talk(bot: Bot) -> None:
        first = await bot.send_message(ADA, "first")
        sent = await bot.send_message(
            ADA,
            "<b>5 &lt; 6</b> 🟢 <code>x</code>",
            parse_mode=ParseMode.HTML,
            reply_markup=KEYBOARD,
            reply_to_message_id=first.message_id,
        )
        assert sent.text == "5 < 6 🟢 x"
        assert [(e.type, sent.parse_entity(e)) for e in sent.entities] == [("bold", "5 < 6"), ("code", "x")]
        assert sent.reply_to_message is not None
        assert sent.reply_to_message.message_id == first.message_id
        assert sent.reply_markup == KEYBOARD

    with_bot(sandbox, talk)
    assert sandbox.messages(ADA)[-1]["html"] == "<b>5 &lt; 6</b> 🟢 <code>x</code>"


def test_a_message_is_edited_in_place_and_the_same_edit_again_is_refused(sandbox: Sandbox) -> None:
    async def edit(bot: Bot) -> None:
        sent = await bot.send_message(ADA, "draft", reply_markup=KEYBOARD)
        changed = await bot.edit_message_text("filled", ADA, sent.message_id)
        assert not isinstance(changed, bool)
        assert (changed.text, changed.reply_markup) == ("filled", None)
        with pytest.raises(BadRequest, match=r"(?i)message is not modified"):
            await bot.edit_message_text("filled", ADA, sent.message_id)
        await bot.edit_message_reply_markup(ADA, sent.message_id, reply_markup=KEYBOARD)
        await bot.delete_message(ADA, sent.message_id)
        with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
            await bot.edit_message_text("late", ADA, sent.message_id)

    with_bot(sandbox, edit)


def test_a_picture_is_sent_replaced_and_downloaded_again(sandbox: Sandbox) -> None:
    async def show(bot: Bot) -> tuple[bytes, int]:
        sent = await bot.send_photo(ADA, picture("red"), caption="<i>ETH</i>", parse_mode=ParseMode.HTML)
        assert (sent.caption, sent.photo[-1].width, sent.photo[-1].height) == ("ETH", 640, 360)
        await bot.edit_message_media(InputMediaPhoto(picture("blue"), caption="BTC"), ADA, sent.message_id)
        document = await bot.send_document(ADA, b"a,b\n1,2\n", filename="fills.csv")
        assert document.document is not None
        assert document.document.file_name == "fills.csv"
        file = await bot.get_file(document.document.file_id)
        return bytes(await file.download_as_bytearray()), sent.message_id

    downloaded, message_id = with_bot(sandbox, show)
    assert downloaded == b"a,b\n1,2\n"
    shown = next(message for message in sandbox.messages(ADA) if message["id"] == message_id)
    file = shown["file"]
    assert isinstance(file, dict)
    served = sandbox.get(file["url"])
    assert (served.headers["content-type"], served.content) == ("image/png", picture("blue"))
    assert shown["text"] == "BTC"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<b>open", "Can't find end tag corresponding to start tag b"),
        ("<b><i>x</b></i>", "Unmatched end tag at byte offset 7"),
        ("price < 3000", 'Unsupported start tag "" at byte offset 6'),
        ("<table>", 'Unsupported start tag "table"'),
        ("x</b>", "Unexpected end tag"),
        ("   ", "text is empty"),
        ("x" * 4097, "message is too long"),
    ],
)
def test_what_telegram_would_not_take_is_refused(sandbox: Sandbox, text: str, complaint: str) -> None:
    with pytest.raises(BadRequest, match=f"(?i){complaint}"):
        with_bot(sandbox, lambda bot: bot.send_message(ADA, text, parse_mode=ParseMode.HTML))


def test_a_button_with_too_long_data_is_refused(sandbox: Sandbox) -> None:
    raw = {"inline_keyboard": [[{"text": "x", "callback_data": "y" * 65}]]}
    sent = sandbox.control.post(
        f"/telegram/bot{TOKEN}/sendMessage", json={"chat_id": ADA, "text": "x", "reply_markup": raw}
    )
    assert (sent.status_code, sent.json()["description"]) == (400, "Bad Request: BUTTON_DATA_INVALID")


def test_a_rate_limit_raises_retry_after_with_the_seconds(sandbox: Sandbox) -> None:
    sandbox.post("/control/faults", service="telegram", kind="rate_limit", retry_after=7, match="sendMessage", count=1)

    async def send_twice(bot: Bot) -> None:
        with pytest.raises(RetryAfter) as raised:
            await bot.send_message(ADA, "too much")
        assert raised.value._retry_after.total_seconds() == 7
        await bot.send_message(ADA, "after the wait")

    with_bot(sandbox, send_twice)


def test_a_person_who_blocked_the_bot_is_not_reached(sandbox: Sandbox) -> None:
    sandbox.post("/control/block", chat_id=4001)
    with pytest.raises(Forbidden, match=r"(?i)bot was blocked by the user"):
        with_bot(sandbox, lambda bot: bot.send_message(4001, "hello"))
    sandbox.post("/control/block", chat_id=4001, blocked=False)
    with_bot(sandbox, lambda bot: bot.send_message(4001, "hello again"))


def test_a_wrong_token_is_unauthorized(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidToken):
        with_bot(sandbox, lambda bot: bot.get_me(), token="123456789:another-token")


def test_server_errors_and_cut_connections_are_network_errors(sandbox: Sandbox) -> None:
    async def send(bot: Bot) -> None:
        faults: tuple[dict[str, object], ...] = ({"kind": "status", "status": 502}, {"kind": "drop"})
        for fault in faults:
            sandbox.post("/control/faults", service="telegram", match="sendMessage", count=1, **fault)
            with pytest.raises(NetworkError):
                await bot.send_message(ADA, "lost")
        sandbox.post("/control/faults", service="telegram", match="sendMessage", count=1, kind="garbage")
        with pytest.raises(TelegramError, match="Invalid server response"):
            await bot.send_message(ADA, "lost")

    with_bot(sandbox, send)


def test_commands_webhook_and_chat_actions_are_taken(sandbox: Sandbox) -> None:
    async def set_up(bot: Bot) -> None:
        await bot.set_my_commands([BotCommand("start", "Begin"), BotCommand("help", "What you can type")])
        await bot.set_webhook("http://127.0.0.1:9/telegram/webhook/", secret_token="s", drop_pending_updates=True)
        assert (await bot.get_webhook_info()).url == "http://127.0.0.1:9/telegram/webhook/"
        assert await bot.send_chat_action(ADA, ChatAction.TYPING)
        assert [command.command for command in await bot.get_my_commands()] == ["start", "help"]
        assert await bot.delete_webhook()
        assert await bot.get_updates(timeout=0) == ()

    with_bot(sandbox, set_up)
    sandbox.control.post(f"/telegram/bot{TOKEN}/setWebhook", data={"url": "", "secret_token": "a-webhook-secret"})
