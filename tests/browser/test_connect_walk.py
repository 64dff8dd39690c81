"""The whole way in a browser: from /connect in the chat to an active delegate and an allowance at the venue."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from playwright.sync_api import Dialog, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, need_chromium
from tests.browser.wallet import BrowserWallet
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.browser
PROCESSES = ("sandbox", "web", "worker-trading", "worker-messages", "worker-signing", "dispatcher")
ADA, GRACE = 1001, 1002
SOON_MS = 20_000


@pytest.fixture(scope="module")
def stack(committed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Once for all: each test connects another person."""
    need_chromium()
    with Stack(*PROCESSES, log_dir=tmp_path_factory.mktemp("logs")) as running:
        call_command("register_bot", verbosity=0)
        yield running


def control(stack: Stack, method: str, path: str, **body: object) -> dict[str, object]:
    answer = httpx.request(method, f"{stack.sandbox_url}/control{path}", json=body or None, trust_env=False)
    told: dict[str, object] = answer.raise_for_status().json()
    return told


def chat(stack: Stack, person: int) -> str:
    """All that the person's chat shows."""
    return str(control(stack, "GET", f"/messages?chat_id={person}"))


def link(stack: Stack, person: int) -> str:
    """What the bot answers to /connect."""
    control(stack, "POST", "/messages", user_id=person, text="/connect")
    find = re.compile(re.escape(stack.url) + r"/connect/[\w-]+/")
    found: list[str] = wait_until(lambda: find.findall(chat(stack, person)), 20, "the link is in the chat")
    return found[-1]


def picture(page: Page, tmp_path: Path, name: str) -> None:
    """Light, dark, and on a phone."""
    for look, scheme, width in (("light", "light", 1000), ("dark", "dark", 1000), ("phone", "light", 390)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=tmp_path / f"{name}-{look}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} overflows at {width}"
        )


def step(page: Page) -> str:
    return page.locator(".current h2").inner_text()


@pytest.mark.timeout(240)
def test_a_wallet_is_connected_with_every_mistake_on_the_way(stack: Stack, tmp_path: Path) -> None:
    address = link(stack, ADA)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context, wallet = browser.new_context(), BrowserWallet(f"{stack.sandbox_url}/rpc")
        control(stack, "POST", "/venue/fund", trader=wallet.account.address, balance="1500", allowance="0")
        wallet.installed_in(context)
        page, elsewhere = context.new_page(), []
        page.on(
            "request",
            lambda request: elsewhere.append(request.url) if not request.url.startswith((stack.url, "data:")) else None,
        )
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.goto(address)

        prove(page, wallet, tmp_path)
        page.reload()
        sign(page, wallet, tmp_path)
        be_refused_elsewhere(browser.new_context().new_page(), address)
        allow(page, wallet, tmp_path)

        assert elsewhere == []
        assert [said for said in problems if "Content Security Policy" in said] == []
        browser.close()
    wait_until(lambda: "USDC allowed" in chat(stack, ADA), 20, "the chat says that it is done")
    assert "Wallet connected" in chat(stack, ADA)
    effects = control(stack, "GET", f"/venue/journal?trader={wallet.account.address}")["effects"]
    assert isinstance(effects, list)
    assert [effect["kind"] for effect in effects] == ["delegate_set", "approve", "approve"]
    assert effects[1]["detail"]["allowance"] == "250500000"
    assert_no_secret_is_logged(stack, address)


def prove(page: Page, wallet: BrowserWallet, tmp_path: Path) -> None:
    connect, problem = page.get_by_role("button", name="Connect Test Wallet"), page.locator("#problem-text")
    expect(connect).to_be_visible()
    expect(page.locator("#person")).to_have_text(re.compile("Ada"))
    picture(page, tmp_path, "1-prove")
    page.get_by_text("60 days").click()

    wallet.rejects = True
    connect.click()
    expect(problem).to_contain_text("You declined in the wallet")

    wallet.chain = "0x1"
    connect.click()
    expect(problem).to_contain_text("another network than Base")
    picture(page, tmp_path, "2-wrong-chain")
    page.get_by_role("button", name="Switch to Base").click()
    expect(problem).to_be_hidden()
    assert wallet.chain == "0x2105"

    wallet.code = "0xef0100"
    connect.click()
    expect(problem).to_contain_text("contract wallet")
    wallet.code = "0x"
    connect.click()
    expect(page.locator(".current h2")).to_have_text("Allow trading")


def sign(page: Page, wallet: BrowserWallet, tmp_path: Path) -> None:
    button, problem = page.get_by_role("button", name="Sign in the wallet"), page.locator("#problem-text")
    expect(button).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#fact-trader")).to_have_text(wallet.account.address)
    picture(page, tmp_path, "3-sign")

    proven, wallet.account = wallet.account, type(wallet.account)()
    button.click()
    expect(problem).to_contain_text(f"Choose {proven.address}")
    picture(page, tmp_path, "4-wrong-account")
    wallet.account = proven

    wallet.rejects = True
    button.click()
    expect(problem).to_contain_text("You declined in the wallet")
    button.click()
    expect(page.locator(".current h2")).to_have_text("Allow an amount of USDC", timeout=SOON_MS)


def be_refused_elsewhere(page: Page, address: str) -> None:
    """The same link in another browser."""
    page.goto(address)
    expect(page.locator("#over-title")).to_have_text("This link was used already")


def allow(page: Page, wallet: BrowserWallet, tmp_path: Path) -> None:
    amount, button = page.get_by_label("Amount"), page.get_by_role("button", name="Allow in the wallet")
    expect(page.locator("#fact-balance")).to_have_text("1,500.00 USDC", timeout=SOON_MS)
    expect(amount).to_have_value("500")
    picture(page, tmp_path, "5-allow")
    for wrong in ("", "0", "-5", "lots", "1e9"):
        amount.fill(wrong)
        button.click()
        expect(page.locator("#amount-problem")).to_contain_text("above zero")
    amount.fill("250.5")
    button.click()
    expect(page.locator(".current h2")).to_have_text("Done", timeout=SOON_MS)
    expect(page.locator("#done-allowance")).to_have_text("250.50 USDC")
    page.reload()
    expect(page.locator(".current h2")).to_have_text("Done")
    page.get_by_role("button", name="Change the amount").click()
    amount.fill("100")
    button.click()
    expect(page.locator("#done-allowance")).to_have_text("100.00 USDC", timeout=SOON_MS)
    picture(page, tmp_path, "6-done")


def assert_no_secret_is_logged(stack: Stack, address: str) -> None:
    token = address.split("/")[-2]
    key = stack.environment["KEY_ENCRYPTION_KEYS"].partition(":")[2]
    for name in PROCESSES:
        if name != "sandbox":
            assert token not in stack.log(name), name
            assert key not in stack.log(name), name


def connect_sandbox_wallet(stack: Stack) -> None:
    """As somebody without a wallet does it after `make run`; the first question is declined."""
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS).new_page()
        answers = iter([False])
        asked: list[str] = []

        def answer(dialog: Dialog) -> None:
            asked.append(dialog.message)
            dialog.accept() if next(answers, True) else dialog.dismiss()

        page.on("dialog", answer)
        page.goto(link(stack, GRACE))
        page.get_by_role("button", name="Connect Sandbox wallet").click()
        expect(page.locator("#problem-text")).to_contain_text("You declined in the wallet")
        page.get_by_role("button", name="Connect Sandbox wallet").click()
        page.get_by_role("button", name="Sign in the wallet").click(timeout=SOON_MS)
        page.get_by_role("button", name="Allow in the wallet").click(timeout=SOON_MS)
        expect(page.locator("#done-allowance")).to_have_text("500.00 USDC", timeout=SOON_MS)
        assert "Telegram account Grace" in asked[0]
        assert "DelegateReq" in asked[2]


@pytest.mark.timeout(240)
def test_without_a_wallet_the_sandboxs_own_is_connected(stack: Stack) -> None:
    connect_sandbox_wallet(stack)
    wait_until(lambda: "USDC allowed" in chat(stack, GRACE), 20, "the chat says that it is done")
