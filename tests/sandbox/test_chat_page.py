"""The chat page in a real browser, with the bot's part played by plain Bot API calls."""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.sandbox.conftest import TOKEN, Sandbox
from tests.sandbox.receiver import WebhookReceiver
from tests.sandbox.test_telegram_bot import picture
from vanta.sandbox.faults import KINDS, SERVICES_OF_KIND

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PEOPLE = itertools.count(50_000)
KEYBOARD = {
    "inline_keyboard": [[{"text": "Confirm", "callback_data": "c:1"}, {"text": "Cancel", "callback_data": "x:1"}]],
}
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{CHROMIUM} is missing: the chat page is NOT tested; install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


class Chat:
    """One person's page, and the bot that writes to that person."""

    def __init__(self, sandbox: Sandbox, page: Page, person: int) -> None:
        self.sandbox = sandbox
        self.page = page
        self.person = person
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("request", self._note_foreign)
        page.goto(f"{sandbox.url}/?as={person}")
        expect(page.get_by_test_id("live")).to_have_text("live")

    def _note_foreign(self, request: Any) -> None:
        if not request.url.startswith((self.sandbox.url, "data:")):
            self.problems.append(f"a request to {request.url}")

    def bot(self, method: str, **parameters: Any) -> Any:
        told = self.sandbox.control.post(f"/telegram/bot{TOKEN}/{method}", json={"chat_id": self.person, **parameters})
        return told.raise_for_status().json()["result"]

    def say(self, text: str) -> None:
        self.page.get_by_test_id("composer").fill(text)
        self.page.get_by_test_id("send").click()

    def bubble(self, message_id: int) -> Any:
        return self.page.locator(f'[data-message-id="{message_id}"]')


@pytest.fixture
def chat(
    sandbox: Sandbox, receiver: WebhookReceiver, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[Chat]:
    """A page of a person of this test alone, 1280 px wide unless the test says otherwise."""
    width, height = getattr(request, "param", (1280, 820))
    person = next(PEOPLE)
    sandbox.control.post(f"/telegram/bot{TOKEN}/sendChatAction", json={"chat_id": person, "action": "typing"})
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(10_000)
    talking = Chat(sandbox, context.new_page(), person)
    yield talking
    context.close()
    assert talking.problems == []


KEYBOARD = {
    "inline_keyboard": [[{"text": "Confirm", "callback_data": "c:1"}, {"text": "Cancel", "callback_data": "x:1"}]]
}


def test_an_empty_chat_proposes_a_first_order(chat: Chat, receiver: WebhookReceiver) -> None:
    expect(chat.page.get_by_test_id("empty-state")).to_be_visible()
    chat.page.get_by_test_id("chip").filter(has_text="/long ETH 100 10x sl=2900").click()
    receiver.wait_for_text("/long ETH 100 10x sl=2900")
    expect(chat.page.get_by_test_id("empty-state")).to_have_count(0)
    expect(chat.page.get_by_test_id("delivered")).to_have_count(1)


def test_a_typed_message_goes_to_the_webhook_and_is_shown_as_text(chat: Chat, receiver: WebhookReceiver) -> None:
    chat.say("<b>not bold</b> & 🟢")
    receiver.wait_for_text("<b>not bold</b> & 🟢")
    expect(chat.page.get_by_test_id("message-text")).to_have_text("<b>not bold</b> & 🟢")
    expect(chat.page.get_by_test_id("composer")).to_have_value("")


def test_a_pressed_button_waits_until_the_bot_answers(chat: Chat, receiver: WebhookReceiver) -> None:
    sent = chat.bot("sendMessage", text="<b>Long ETH</b>", parse_mode="HTML", reply_markup=KEYBOARD)
    key = chat.bubble(sent["message_id"]).get_by_text("Confirm")
    key.click()
    expect(key).to_have_attribute("data-state", "waiting")
    query = receiver.wait_for_callback("c:1")["callback_query"]
    chat.bot("answerCallbackQuery", callback_query_id=query["id"], text="Order sent")
    expect(key).not_to_have_attribute("data-state", "waiting")
    expect(chat.page.get_by_test_id("toast")).to_have_text("Order sent")


def test_an_alert_is_a_dialog(chat: Chat, receiver: WebhookReceiver) -> None:
    sent = chat.bot("sendMessage", text="card", reply_markup=KEYBOARD)
    chat.bubble(sent["message_id"]).get_by_text("Cancel").click()
    query = receiver.wait_for_callback("x:1")["callback_query"]
    chat.bot("answerCallbackQuery", callback_query_id=query["id"], text="Too late", show_alert=True)
    expect(chat.page.get_by_test_id("alert")).to_contain_text("Too late")
    chat.page.get_by_test_id("alert-ok").click()
    expect(chat.page.get_by_test_id("alert")).not_to_be_visible()


def test_an_edit_changes_the_bubble_in_its_place(chat: Chat) -> None:
    first = chat.bot("sendMessage", text="draft", reply_markup=KEYBOARD)["message_id"]
    chat.bot("sendMessage", text="something later")
    expect(chat.bubble(first).get_by_test_id("inline-button")).to_have_count(2)
    chat.bot("editMessageText", message_id=first, text="✅ <b>Filled</b>", parse_mode="HTML")
    expect(chat.bubble(first).locator("b")).to_have_text("Filled")
    expect(chat.bubble(first).get_by_test_id("inline-button")).to_have_count(0)
    expect(chat.page.get_by_test_id("message").first).to_have_attribute("data-message-id", str(first))
    chat.bot("deleteMessage", message_id=first)
    expect(chat.page.get_by_test_id("message")).to_have_count(1)


def test_a_picture_and_a_quoted_reply_are_shown(chat: Chat, receiver: WebhookReceiver) -> None:
    chat.say("/chart ETH")
    asked = receiver.wait_for_text("/chart ETH")["message"]["message_id"]
    values = {"chat_id": str(chat.person), "caption": "ETH", "reply_parameters": json.dumps({"message_id": asked})}
    files = {"photo": ("chart.png", picture("teal"), "image/png")}
    sent = chat.sandbox.control.post(f"/telegram/bot{TOKEN}/sendPhoto", data=values, files=files).json()["result"]
    shown = chat.bubble(sent["message_id"])
    expect(shown.get_by_test_id("reply")).to_contain_text("/chart ETH")
    expect(shown.get_by_test_id("photo")).to_be_in_viewport()
    assert shown.get_by_test_id("photo").evaluate("image => image.decode().then(() => image.naturalWidth)") == 640


def test_commands_are_offered_while_typing(chat: Chat, receiver: WebhookReceiver) -> None:
    commands = [{"command": "positions", "description": "What is open"}, {"command": "price", "description": "A price"}]
    chat.bot("setMyCommands", commands=[*commands, {"command": "help", "description": "Help"}])
    chat.page.get_by_test_id("commands-button").click()
    expect(chat.page.get_by_test_id("command")).to_have_count(3)
    chat.page.get_by_test_id("composer").fill("/p")
    expect(chat.page.get_by_test_id("command")).to_have_count(2)
    chat.page.get_by_test_id("command").filter(has_text="/positions").click()
    receiver.wait_for_text("/positions")


def test_a_command_in_the_bots_words_can_be_clicked(chat: Chat, receiver: WebhookReceiver) -> None:
    sent = chat.bot("sendMessage", text="See /markets, 1/2 and ETH/USD")
    links = chat.bubble(sent["message_id"]).locator("a")
    expect(links).to_have_text(["/markets"])
    links.click()
    receiver.wait_for_text("/markets")


def test_a_command_written_as_code_is_taken_into_the_composer(chat: Chat) -> None:
    sent = chat.bot("sendMessage", text="Try <code>/long ETH 100 10x</code>", parse_mode="HTML")
    chat.bubble(sent["message_id"]).locator("code").click()
    expect(chat.page.get_by_test_id("composer")).to_have_value("/long ETH 100 10x")


def test_other_peoples_messages_are_counted_until_they_are_read(chat: Chat) -> None:
    other = chat.person + 100_000
    for number in range(2):
        chat.bot("sendMessage", chat_id=other, text=f"news {number}")
    row = chat.page.get_by_test_id(f"person-{other}")
    expect(row.get_by_test_id("unread")).to_have_text("2")
    row.click()
    expect(chat.page.get_by_test_id("message")).to_have_count(2)
    expect(row.get_by_test_id("unread")).to_have_count(0)


def test_the_column_stays_at_the_newest_message_unless_one_scrolls_up(chat: Chat) -> None:
    last = 0
    for number in range(40):
        last = chat.bot("sendMessage", text=f"line {number}")["message_id"]
    expect(chat.bubble(last)).to_be_in_viewport()
    chat.page.get_by_test_id("stream").hover()
    chat.page.mouse.wheel(0, -2000)
    expect(chat.page.get_by_test_id("scroll-down")).to_be_visible()
    newer = chat.bot("sendMessage", text="while reading old ones")["message_id"]
    expect(chat.bubble(newer)).not_to_be_in_viewport()
    chat.page.get_by_test_id("scroll-down").click()
    expect(chat.bubble(newer)).to_be_in_viewport()


def test_typing_is_shown_until_the_message_comes(chat: Chat) -> None:
    chat.bot("sendChatAction", action="typing")
    expect(chat.page.get_by_test_id("presence")).to_have_text("typing")
    chat.bot("sendMessage", text="here")
    expect(chat.page.get_by_test_id("presence")).to_have_text("bot")


def test_prices_of_the_market_model_tick(chat: Chat) -> None:
    eth = chat.page.locator('[data-symbol="ETH/USD"] b')
    expect(eth).not_to_be_empty()
    before = eth.text_content() or ""
    expect(eth).not_to_have_text(before)


def test_a_fault_is_injected_and_cleared_in_the_drawer(chat: Chat) -> None:
    chat.page.get_by_test_id("faults-button").click()
    chat.page.get_by_test_id("fault-kind").select_option("status")
    chat.page.get_by_test_id("fault-service").select_option("coingecko")
    chat.page.get_by_test_id("fault-inject").click()
    expect(chat.page.get_by_test_id("fault")).to_contain_text("coingecko")
    assert chat.sandbox.get("/coingecko/api/v3/ping").status_code == 500
    chat.page.get_by_test_id("fault-clear").click()
    expect(chat.page.get_by_test_id("fault")).to_have_count(0)
    assert chat.sandbox.get("/coingecko/api/v3/ping").status_code == 200


def test_the_drawer_offers_every_kind_and_the_services_that_know_it(chat: Chat) -> None:
    kinds, services = (chat.page.get_by_test_id(name).locator("option") for name in ("fault-kind", "fault-service"))
    chat.page.get_by_test_id("faults-button").click()
    expect(kinds).to_have_count(len(KINDS))
    assert {option.get_attribute("value") for option in kinds.all()} == KINDS
    for kind, known_to in SERVICES_OF_KIND.items():
        chat.page.get_by_test_id("fault-kind").select_option(kind)
        expect(services).to_have_text(list(known_to))


def test_a_webhook_that_refuses_is_told_to_the_person(chat: Chat, receiver: WebhookReceiver) -> None:
    receiver.refusals.extend([503] * 3)
    chat.say("is anybody there?")
    expect(chat.page.get_by_test_id("notice")).to_contain_text("503")
    expect(chat.page.get_by_test_id("notice")).not_to_be_visible(timeout=20_000)


@pytest.mark.parametrize("chat", [(390, 844)], indirect=True)
def test_everything_fits_on_a_phone(chat: Chat, receiver: WebhookReceiver) -> None:
    sent = chat.bot("sendMessage", text="x" * 300 + " <b>wide</b>", parse_mode="HTML", reply_markup=KEYBOARD)
    expect(chat.bubble(sent["message_id"])).to_be_in_viewport()
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 390
    chat.page.get_by_test_id("open-people").click()
    chat.page.get_by_test_id("person-1002").click()
    expect(chat.page.get_by_test_id("as-name")).to_have_text("Grace")
    chat.say("from the phone")
    assert receiver.wait_for_text("from the phone")["message"]["chat"]["id"] == 1002
