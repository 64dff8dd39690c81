"""The page about the feeds in a real browser: it stays live, is filtered as one types, and says when it is old."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from adminpanel.navigation import FEEDS_PAGE
from feeds.price_terms import forget_price_terms
from feeds.quote_store import write_quotes
from tests.browser.conftest import Walker, need_chromium, opened_page
from tests.factories import make_market
from tests.feeds.quotes import quote
from vanta import clock

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLL_MS = 5000


def say(price: str, symbol: str = "ETH/USD") -> None:
    """Redis only: while the page is open its thread must leave Django's models alone."""
    write_quotes([replace(quote(price, market=symbol), timestamp_ms=clock.now_ms(), received_at_ms=clock.now_ms())])


@pytest.fixture
def feeds(live_server: LiveServer, walker: Walker, tmp_path: Path) -> Iterator[Page]:
    """The page with two markets; its clock goes forward when a test says so."""
    need_chromium()
    forget_price_terms()
    make_market("ETH/USD")
    make_market("BTC/USD")
    say("3000")
    with opened_page(tmp_path, width=1280) as page:
        page.clock.install()
        walker.log_in(page, live_server.url, FEEDS_PAGE)
        expect(page.locator("#feeds-live")).to_contain_text("3,000.00")
        yield page


def test_it_shows_new_prices_without_being_loaded_again(feeds: Page) -> None:
    say("3100")
    feeds.clock.fast_forward(POLL_MS)
    expect(feeds.locator("#feeds-live")).to_contain_text("3,100.00")


def test_it_is_filtered_as_one_types_and_stays_so(feeds: Page) -> None:
    rows = feeds.locator(".v-matrix tbody tr")
    expect(rows).to_have_count(2)
    feeds.get_by_label("Market", exact=True).press_sequentially("btc")
    feeds.clock.fast_forward(1000)
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("BTC/USD")
    expect(feeds).to_have_url(re.compile(rf"{FEEDS_PAGE}\?q=btc$"))
    feeds.clock.fast_forward(POLL_MS)
    expect(rows).to_have_count(1)
    feeds.reload()
    expect(feeds.get_by_label("Market", exact=True)).to_have_value("btc")


def test_it_says_that_it_is_old_while_it_gets_no_answer(feeds: Page) -> None:
    warning = feeds.locator("#live-notice")
    expect(warning).to_be_hidden()
    feeds.context.set_offline(True)
    feeds.clock.fast_forward(POLL_MS)
    expect(warning).to_have_text(re.compile(r"No answer since \d\d:\d\d:\d\d UTC"))
    feeds.context.set_offline(False)
    feeds.clock.fast_forward(POLL_MS)
    expect(warning).to_be_hidden()


def test_whoever_is_logged_out_meanwhile_is_sent_to_the_log_in(feeds: Page) -> None:
    feeds.context.clear_cookies()
    feeds.clock.fast_forward(POLL_MS)
    feeds.wait_for_url("**/admin/login/**")
