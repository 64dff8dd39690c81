"""The dashboard in a real browser: it renews itself, says since when it is old, and lets nobody look who may not."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Walker, console_errors, need_chromium, opened_page
from vanta import heartbeat, redis

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLL_MS = 5000
BEAT = "looked at its schedule"


def test_it_stays_live_honest_and_shut(live_server: LiveServer, walker: Walker, tmp_path: Path) -> None:
    need_chromium()
    with opened_page(tmp_path, width=1280) as page:
        errors = console_errors(page)
        page.clock.install()
        walker.log_in(page, live_server.url)
        signs, notice, live = page.locator("#signs"), page.locator("#live-notice"), page.locator("#dashboard")
        expect(signs).to_contain_text("nobody holds its lock")
        expect(notice).to_be_hidden()

        traders = page.get_by_role("link", name=re.compile("^Traders"))
        traders.last.focus()
        redis.client().set(heartbeat.BEAT_LOCK_KEY, "held", px=6000)
        page.clock.fast_forward(POLL_MS)
        expect(signs).to_contain_text(BEAT)
        expect(traders.last).to_be_focused()

        assert errors == []
        page.context.set_offline(True)
        page.clock.fast_forward(POLL_MS)
        expect(notice).to_have_text(re.compile(r"No answer since \d\d:\d\d:\d\d UTC: what is below is old"))
        expect(live).to_have_class(re.compile("v-old"))
        page.context.set_offline(False)
        page.clock.fast_forward(POLL_MS)
        expect(notice).to_be_hidden()
        expect(live).not_to_have_class(re.compile("v-old"))

        page.context.clear_cookies()
        page.clock.fast_forward(POLL_MS)
        page.wait_for_url("**/admin/login/?next=/admin/")
