"""Headless Chromium on the whole running system, or on the web server alone."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker

from adminpanel.groups import Role
from adminpanel.second_factor import code_at, step_now
from tests.access import enrolled, make_user
from tests.conftest import empty_redis
from tests.stack import Stack, list_markets

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
PROCESSES = ("sandbox", "web", "worker-feeds", "worker-trading", "worker-messages", "beat", "dispatcher")
ADMIN, PASSWORD = "walker", "a long walk through the admin"


def need_chromium() -> None:
    """Skip, loudly, where there is no browser; never in CI."""
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{CHROMIUM} is missing: nothing is tested in a browser; install chromium")


@pytest.fixture(scope="module")
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Empty databases for all tests of a module, whose processes are up once; emptied again afterwards."""
    with django_db_blocker.unblock():
        empty_redis()
        yield
        call_command("flush", interactive=False, verbosity=0)


@contextmanager
def opened_page(tmp_path: Path, *, width: int, height: int = 1000) -> Iterator[Page]:
    """A page; while it is open its thread must leave Django's models alone. A picture of its end is kept."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = browser.new_context(viewport={"width": width, "height": height}).new_page()
        yield opened
        opened.screenshot(path=tmp_path / "end.png")
        browser.close()


class Walker:
    """A super admin with a device. Its codes need no database, which a page's thread must leave alone."""

    def __init__(self) -> None:
        self.secret_key = enrolled(make_user(ADMIN, Role.SUPER_ADMIN, password=PASSWORD)).bin_key

    def log_in(self, page: Page, url: str, wanted: str = "/admin/") -> None:
        """To the admin, once in a test: a code counts once."""
        page.goto(f"{url}/admin/login/?next={wanted}")
        page.get_by_label(re.compile("username", re.IGNORECASE)).fill(ADMIN)
        page.get_by_label(re.compile("password", re.IGNORECASE)).fill(PASSWORD)
        page.get_by_label(re.compile("code", re.IGNORECASE)).fill(code_at(self.secret_key, step_now()))
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{url}{wanted}")


@pytest.fixture
def walker(transactional_db: None) -> Walker:
    """Who walks through the admin."""
    return Walker()


def console_errors(page: Page) -> list[str]:
    """What the browser complains of from now on: refused by a policy, not found, or an exception."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def stack(walker: Walker, tmp_path: Path) -> Iterator[Stack]:
    """Every process, with the sandbox's markets and a super admin; slow to start, so a test walks far with it."""
    need_chromium()
    with Stack(*PROCESSES, log_dir=tmp_path) as running:
        list_markets(running)
        call_command("register_bot", verbosity=0)
        yield running


@pytest.fixture
def page(stack: Stack, tmp_path: Path) -> Iterator[Page]:
    """A page on the whole system."""
    with opened_page(tmp_path, width=1100) as opened:
        yield opened
