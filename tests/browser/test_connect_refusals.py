"""Links that connect nothing, each with its words: expired, unknown, somebody else's, no wallet in the browser."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import need_chromium, opened_page
from tests.browser.wallet import BrowserWallet
from tests.factories import make_trader
from tests.trading.wallets import Wallet, prove, token_for
from trading.models import ConnectLink
from vanta import clock

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def links(live_server: LiveServer, settings: Settings) -> dict[str, str]:
    """Addresses by what is the matter with them; made before the page is open."""
    need_chromium()
    settings.PUBLIC_BASE_URL = live_server.url
    ada, grace, eve = (make_trader(first_name=name, username="") for name in ("Ada", "Grace", "Eve"))
    tokens = {"expired": token_for(eve), "unknown": "nonsense", "ada": token_for(ada), "grace": token_for(grace)}
    ConnectLink.objects.filter(trader=eve).update(expires_at=clock.now() - dt.timedelta(seconds=1))
    return {name: f"{live_server.url}/connect/{token}/" for name, token in tokens.items()}


@pytest.fixture
def wallet() -> BrowserWallet:
    return BrowserWallet()


@pytest.fixture
def taken(wallet: BrowserWallet) -> None:
    """The wallet is connected to a third person already."""
    prove(make_trader(), wallet.account)


@pytest.fixture
def page(links: dict[str, str], tmp_path: Path) -> Iterator[Page]:
    with opened_page(tmp_path, width=700) as opened:
        yield opened


@pytest.mark.parametrize(("name", "said"), [("expired", "time is over"), ("unknown", "not known")])
def test_a_link_that_is_over_or_never_was_says_so(page: Page, links: dict[str, str], name: str, said: str) -> None:
    page.goto(links[name])
    expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="/connect")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_a_browser_without_a_wallet_is_told_where_to_open_the_link(page: Page, links: dict[str, str]) -> None:
    page.goto(links["ada"])
    expect(page.locator("#wallets")).to_contain_text("No wallet was found")


def test_another_telegram_users_link_shows_whose_it_is_and_warns(
    page: Page, links: dict[str, str], wallet: BrowserWallet
) -> None:
    wallet.installed_in(page.context)
    page.goto(links["ada"])
    expect(page.locator("#person")).to_have_text("Ada")
    page.get_by_role("button", name="Connect Test Wallet").click()
    expect(page.locator("#preparing")).to_be_visible()

    page.goto(links["grace"])

    expect(page.locator("#person")).to_have_text("Grace")
    expect(page.locator("#warning")).to_contain_text("connected a wallet for Ada before. This link is for Grace")
    page.get_by_role("button", name="Connect Test Wallet").click()
    expect(page.locator("#problem-text")).to_contain_text("connected to another Telegram account")
    wallet.account = Wallet()
    page.get_by_role("button", name="Connect Test Wallet").click()
    expect(page.locator("#preparing")).to_be_visible()


def test_a_wallet_of_somebody_else_is_refused(
    taken: None, page: Page, links: dict[str, str], wallet: BrowserWallet
) -> None:
    wallet.installed_in(page.context)
    page.goto(links["grace"])
    page.get_by_role("button", name="Connect Test Wallet").click()
    expect(page.locator("#problem-text")).to_contain_text("connected to another Telegram account")


def test_a_link_that_ends_while_its_page_is_open_says_so(
    page: Page, links: dict[str, str], wallet: BrowserWallet
) -> None:
    """Somebody uses the link in another browser meanwhile."""
    wallet.installed_in(page.context)
    page.goto(links["ada"])
    assert page.context.browser is not None
    context = page.context.browser.new_context()
    wallet.installed_in(context)
    other = context.new_page()
    other.goto(links["ada"])
    other.get_by_role("button", name="Connect Test Wallet").click()
    expect(other.locator("#preparing")).to_be_visible()

    page.get_by_role("button", name="Connect Test Wallet").click()

    expect(page.locator("#over-title")).to_have_text("This link was used already")
