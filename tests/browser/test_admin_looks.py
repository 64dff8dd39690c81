"""The admin has room for what it shows on a screen of 1280 pixels, also where names, codes and numbers are long."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page

from tests.adminpanel.stories import order_with_long_words
from tests.browser.conftest import ADMIN, PASSWORD, log_in, need_chromium, opened_page
from tests.stack import Stack
from trading.models import Order

pytestmark = pytest.mark.browser
NARROW = 1280


@pytest.fixture
def order(transactional_db: None) -> Order:
    return order_with_long_words()


@pytest.fixture
def site(order: Order, tmp_path: Path) -> Iterator[Stack]:
    """The web server alone: these pages need nobody else."""
    need_chromium()
    get_user_model().objects.create_superuser(ADMIN, password=PASSWORD)
    with Stack("web", log_dir=tmp_path) as running:
        yield running


@pytest.fixture
def desk(site: Stack, tmp_path: Path) -> Iterator[Page]:
    """The admin on a narrow screen."""
    with opened_page(tmp_path, width=NARROW) as page:
        log_in(page, site)
        yield page


def test_all_figures_of_the_dashboard_stand_in_one_row(desk: Page, site: Stack) -> None:
    desk.goto(f"{site.url}/admin/")

    tops = desk.evaluate("""() => [...document.querySelectorAll(".v-figures > *")].map((tile) => tile.offsetTop)""")

    assert len(tops) == 6
    assert len(set(tops)) == 1
