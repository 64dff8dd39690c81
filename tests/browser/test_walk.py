"""The walk of a first evening: an order from the chat to its fill, closed in half, explained, found in the admin."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import ADMIN, Walker, console_errors
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.browser
FILLED_WITHIN_MS = 3_000  # a second where nothing else runs; the benches measure it
ANSWERED_WITHIN_MS = 5_000


class Chat:
    """The chat page of one person."""

    def __init__(self, page: Page, stack: Stack, person: int) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(f"{stack.sandbox_url}/?as={person}")
        expect(page.get_by_test_id("live")).to_have_text("live")

    def says(self, text: str) -> None:
        self.page.get_by_test_id("composer").fill(text)
        self.page.keyboard.press("Enter")

    def shows(self, *parts: str, within_ms: int = ANSWERED_WITHIN_MS) -> Locator:
        """The newest message of the bot, once it has all of these parts."""
        newest = self.page.locator('[data-testid="message"][data-from="bot"]').last
        for part in parts:
            expect(newest).to_contain_text(part, timeout=within_ms)
        return newest

    def taps(self, label: str) -> None:
        self.page.get_by_test_id("inline-button").filter(has_text=label).last.click()


def wait_for_price(stack: Stack) -> None:
    def is_ready() -> bool:
        return httpx.get(f"{stack.url}/readyz", timeout=5, trust_env=False).status_code == httpx.codes.OK

    wait_until(is_ready, 40, "the system is ready, with prices")


def trade(chat: Chat) -> str:
    """An order previewed, confirmed, filled, half of it closed, and explained; its number."""
    chat.says("/long ETH 100 10x sl=2900")
    chat.shows("LONG ETH 10x", "Notional", "1,000.00", "Fees", "Liquidation", "% away", "you lose ≈", "valid")
    chat.taps("Confirm")
    filled = chat.shows("Filled", "LONG ETH 10x", "Stop", within_ms=FILLED_WITHIN_MS).inner_text()
    number = filled.partition("order #")[2].split()[0]
    chat.says("/positions")
    chat.shows("LONG ETH 10x", "PnL", "Entry", "mark")
    chat.says("/close ETH 50%")
    chat.shows("Partly closed", "Still open", "50.00 USDC")
    chat.says("/balance")
    chat.shows("Equity", "In positions", "50.00 USDC", "(1 open)")
    chat.says(f"/why {number}")
    chat.shows(f"Order #{number}", "DRAFT", "APPROVED", "SUBMITTING", "FILLED", "nonce", "leverage", "Told you")
    return number


def ask_wrongly(chat: Chat) -> None:
    """Mistakes are answered with what was understood and an example; denials with what would pass."""
    chat.says("/long ETH lots 10x")
    chat.shows("Understood", "lots", "not an amount", "For example")
    chat.says("/long ETH 1500 10x")
    chat.shows("Denied", "You could lose 1,500.00 USDC", "passes up to")
    chat.says("/long ETH 20 200x")
    chat.shows("Denied", "75x")
    chat.taps("Preview on ETH_UPSIDE")
    chat.shows("LONG ETH_UPSIDE 200x", "keeps a share of the profit")
    chat.taps("Cancel")
    chat.shows("Canceled", "Nothing was sent")


def price_shown(page: Page) -> str:
    return page.get_by_test_id("ticker").inner_text()


def find_in_admin(page: Page, stack: Stack, walker: Walker, number: str) -> None:
    """The trader, the order with its events, the position and the ledger; the browser complains of nothing."""
    errors = console_errors(page)
    walker.log_in(page, stack.url)
    found = {
        "trading/trader/": ["Ada"],
        "trading/order/": ["ETH/USD", "filled"],
        "trading/position/": ["ETH/USD", "open"],
        "trading/ledgertransaction/": ["open", "close"],
        "auth/user/": [ADMIN],
    }
    for path, parts in found.items():
        page.goto(f"{stack.url}/admin/{path}")
        for part in parts:
            expect(page.locator("#result_list")).to_contain_text(re.compile(part, re.IGNORECASE))
    page.goto(f"{stack.url}/admin/trading/order/{number}/change/")
    for part in ("DRAFT", "APPROVED", "SUBMITTING", "FILLED", f"paper-{number}"):
        expect(page.locator("body")).to_contain_text(re.compile(part, re.IGNORECASE))
    for path in ("", "risk/riskpolicy/add/", "auth/user/add/", "risk/limits/", "feeds/live/", "access/"):
        answer = page.goto(f"{stack.url}/admin/{path}")
        assert answer is not None
        assert answer.ok
    assert errors == []


@pytest.mark.timeout(180)
def test_a_first_evening_with_vanta(page: Page, stack: Stack, walker: Walker) -> None:
    wait_for_price(stack)
    chat = Chat(page, stack, 1001)
    before = price_shown(page)
    chat.says("/start")
    chat.shows("Welcome", "10,000.00")
    number = trade(chat)
    ask_wrongly(chat)
    assert price_shown(page) != before  # prices move
    page.get_by_test_id("commands-button").click()
    expect(page.get_by_test_id("command-menu")).to_contain_text("/positions")
    assert chat.problems == []
    find_in_admin(page, stack, walker, number)
