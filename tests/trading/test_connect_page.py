"""What the page's server says: headers, codes, whose link it is, and nothing to anybody else."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from tests.factories import make_trader
from tests.trading.wallets import Wallet, prove, token_for
from trading.models import Delegate, Trader
from vanta.logging import redact

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader() -> Trader:
    return make_trader(first_name="Ada", username="ada")


class Browser:
    """One browser on one link."""

    def __init__(self, token: str, client: Client | None = None) -> None:
        self.url, self.client, self.wallet = f"/connect/{token}/", client or Client(), Wallet()

    def get(self, path: str = "") -> HttpResponse:
        return self.client.get(self.url + path)  # type: ignore[return-value]

    def post(self, path: str, body: Any) -> HttpResponse:
        return self.client.post(self.url + path, body, content_type="application/json")  # type: ignore[return-value]

    def state(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get("state/").content)
        return told

    def proves(self) -> dict[str, Any]:
        asked = json.loads(self.post("message/", {"wallet": self.wallet.address}).content)["message"]
        body = {"wallet": self.wallet.address, "signature": self.wallet.signs_text(asked), "days": 30}
        told: dict[str, Any] = json.loads(self.post("wallet/", body).content)
        return told


@pytest.fixture
def browser(trader: Trader) -> Browser:
    return Browser(token_for(trader))


def test_the_page_names_the_person_and_allows_nothing_from_elsewhere(browser: Browser) -> None:
    page = browser.get()

    assert "Ada @ada" in page.content.decode()
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" in page["Cache-Control"]
    assert "<script>" not in page.content.decode()
    assert "style=" not in page.content.decode()


def test_only_with_the_sandbox_there_is_a_wallet_of_pretended_money(browser: Browser, settings: Settings) -> None:
    settings.SANDBOX_URL = ""
    page = browser.get()
    assert b"sandbox" not in page.content
    assert "connect-src 'self';" in page["Content-Security-Policy"]

    settings.SANDBOX_URL = "http://127.0.0.1:8090"
    page = browser.get()
    assert b'content="http://127.0.0.1:8090/wallet/' in page.content
    assert "connect-src 'self' http://127.0.0.1:8090;" in page["Content-Security-Policy"]


def test_a_look_at_the_page_does_not_use_the_link(browser: Browser) -> None:
    """Telegram and virus scanners look at links before people do."""
    for _ in range(3):
        browser.get()
        assert browser.state()["step"] == "wallet"


def test_the_browser_that_used_the_link_goes_on_after_a_reload_and_another_is_told(browser: Browser) -> None:
    assert browser.proves()["step"] == "preparing"

    assert browser.state()["step"] == "preparing"
    other = Browser("x")
    other.url = browser.url
    assert other.state() | {"days": 0} == {
        "person": "Ada @ada", "chain_id": 8453, "days": 0, "link_expires_at": browser.state()["link_expires_at"],
        "step": "over", "problem": "used",
    }  # fmt: skip
    for path, body in (
        ("message/", {"wallet": other.wallet.address}),
        ("signature/", {"signature": "0x"}),
        ("look/", {}),
    ):
        assert other.post(path, body).status_code == 410


def test_a_browser_that_connected_for_somebody_else_is_told_so(browser: Browser) -> None:
    browser.proves()
    other = Browser(token_for(make_trader(first_name="Grace", username="")), browser.client)
    assert other.state()["person_before"] == "Ada @ada"
    assert other.state()["person"] == "Grace"


def test_a_cookie_of_one_link_opens_no_other(trader: Trader, browser: Browser) -> None:
    browser.proves()
    token = token_for(other := make_trader())
    prove(other, Wallet(), token=token)
    assert Browser(token, browser.client).state()["problem"] == "used"


def test_an_unknown_link_says_so_and_no_more(db: None) -> None:
    browser = Browser("nonsense")
    assert browser.get().status_code == 404
    assert b"not known" in browser.get().content
    assert json.loads(browser.get("state/").content) == {"error": "unknown"}


@pytest.mark.parametrize("body", ["", "[]", "{", "null", '{"wallet": 5}', '{"wallet": "0x1"}', "[" * 5000])
def test_nonsense_is_refused(browser: Browser, body: str) -> None:
    assert browser.post("message/", body).status_code == 400
    assert browser.post("wallet/", body).status_code == 400


def test_nothing_is_taken_without_the_forms_token(browser: Browser) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(browser.url + "message/", {}, content_type="application/json").status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    browser.proves()
    cookie = browser.client.cookies["vanta_connect"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Lax",
        "/connect/",
    )


def test_the_state_never_has_the_key_nor_the_links_token(browser: Browser, trader: Trader) -> None:
    browser.proves()
    Delegate.objects.update(status="prepared", wrapped_key={"private_key": "sealed"}, request={
        "typed_data": {}, "deadline": "x", "contracts": {}, "encoded": "hidden"})  # fmt: skip
    told = json.dumps(browser.state())
    assert "sealed" not in told
    assert "hidden" not in told
    assert browser.url.split("/")[2] not in told


def test_the_links_token_is_taken_out_of_log_lines(browser: Browser) -> None:
    written = redact(None, "info", {"event": "request", "path": browser.url + "state/"})
    assert written["path"] == "/connect/[redacted]/state/"
