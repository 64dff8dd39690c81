"""What people do reaches the webhook as Telegram would send it: signed, in order, again until it is taken."""

import httpx

from tests.sandbox.conftest import SECRET, TOKEN, Sandbox
from tests.sandbox.receiver import WebhookReceiver
from tests.waiting import wait_until


def call(sandbox: Sandbox, method: str, **parameters: object) -> httpx.Response:
    return sandbox.control.post(f"/telegram/bot{TOKEN}/{method}", json=parameters)


def test_a_typed_message_arrives_with_the_secret(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.post("/control/messages", user_id=2001, text="/long ETH 100 10x")
    update = receiver.wait_for_text("/long ETH 100 10x")
    assert update["message"]["from"]["id"] == update["message"]["chat"]["id"] == 2001
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]
    assert receiver.headers[-1]["x-telegram-bot-api-secret-token"] == SECRET


def test_update_ids_grow(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    for number in range(5):
        sandbox.post("/control/messages", user_id=2002 + number, text=f"id {number}")
    ids = [receiver.wait_for_text(f"id {number}")["update_id"] for number in range(5)]
    assert ids == sorted(set(ids))
    assert ids[0] > 1_700_000_000_000


def test_an_update_is_sent_again_until_it_is_taken_and_the_next_waits_behind_it(
    sandbox: Sandbox, receiver: WebhookReceiver
) -> None:
    receiver.refusals.extend([503, 500])
    sandbox.post("/control/messages", user_id=2010, text="first")
    sandbox.post("/control/messages", user_id=2010, text="second")
    receiver.wait_for_text("second")
    assert receiver.texts() == ["first", "first", "first", "second"]
    assert len({update["update_id"] for update in receiver.updates}) == 2


def test_updates_that_waited_go_to_a_webhook_that_is_set_later(sandbox: Sandbox) -> None:
    sandbox.post("/control/messages", user_id=2011, text="early")
    with WebhookReceiver() as late:
        call(sandbox, "setWebhook", url=late.url)
        late.wait_for_text("early")


def test_a_tap_is_a_callback_query_that_the_bot_answers_once(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    markup = {"inline_keyboard": [[{"text": "Confirm", "callback_data": "c:7"}]]}
    sent = call(sandbox, "sendMessage", chat_id=2012, text="card", reply_markup=markup).json()["result"]
    sandbox.post("/control/taps", user_id=2012, message_id=sent["message_id"], button="Confirm")
    query = receiver.wait_for_callback("c:7")["callback_query"]
    assert query["message"]["message_id"] == sent["message_id"]
    assert call(sandbox, "answerCallbackQuery", callback_query_id=query["id"], text="Sent").json()["result"] is True
    again = call(sandbox, "answerCallbackQuery", callback_query_id=query["id"])
    assert (again.status_code, "query is too old" in again.json()["description"]) == (400, True)


def test_a_tap_on_a_button_that_is_gone_is_refused(sandbox: Sandbox) -> None:
    sent = call(sandbox, "sendMessage", chat_id=2013, text="no buttons").json()["result"]
    refused = sandbox.post("/control/taps", user_id=2013, message_id=sent["message_id"], button="Confirm")
    assert (refused.status_code, refused.json()["error"]) == (400, "the message has no such button")


def test_any_update_can_be_injected(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    injected = sandbox.post("/control/webhook", poll_answer={"strange": True}).json()
    wait_until(lambda: receiver.updates, 10, "the injected update")
    assert receiver.updates == [{"poll_answer": {"strange": True}, "update_id": injected["update_id"]}]


def test_blocking_the_bot_is_told_to_it(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.post("/control/block", chat_id=2014)
    wait_until(lambda: receiver.updates, 10, "the change of membership")
    assert receiver.updates[0]["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    refused = sandbox.post("/control/messages", user_id=2014, text="hello?")
    assert refused.status_code == 400
