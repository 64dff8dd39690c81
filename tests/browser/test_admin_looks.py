"""The admin has room for what it shows on a screen of 1280 pixels, also where names, codes and numbers are long."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page

from adminpanel.navigation import CONTROLS_PAGE, LIMITS_PAGE
from tests.adminpanel.stories import order_with_long_words
from tests.browser.conftest import Walker, console_errors, need_chromium, opened_page
from tests.stack import Stack
from trading.models import Order

pytestmark = pytest.mark.browser
NARROW = 1280
LISTS_WITH_ROWS = 12
# The list's width and the width of what holds it; null where the list is empty.
WIDTHS = """() => {
  const list = document.querySelector("#result_list");
  return list && [list.getBoundingClientRect().width, list.closest("[data-simplebar]").clientWidth];
}"""
# Every line of text with its place, and each pair of lines that share more than a pixel both ways.
COLLISIONS = """() => {
  const page = document.querySelector("#content-main");
  const lines = [];
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const box of range.getClientRects()) {
      if (box.width > 1 && walker.currentNode.data.trim()) lines.push([walker.currentNode.data.trim(), box]);
    }
  }
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const edge = page.getBoundingClientRect().right;
  return {
    lines: lines.length,
    collisions: lines.flatMap(([text, box], i) =>
      lines.slice(i + 1).filter(([, other]) => meet(box, other)).map(([other]) => `${text} / ${other}`)),
    outside: lines.filter(([, box]) => box.right > edge).map(([text]) => text),
    brokenTimes: [...page.querySelectorAll("time")].map((time) => [...time.getClientRects()].map((box) => box.top))
      .filter((tops) => new Set(tops).size > 1).length,
  };
}"""


@pytest.fixture(scope="module")
def order(committed: None) -> Order:
    return order_with_long_words()


@pytest.fixture(scope="module")
def somebody(committed: None) -> Walker:
    return Walker()


@pytest.fixture(scope="module")
def site(order: Order, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The web server alone: these pages need nobody else, and no test changes what they show."""
    need_chromium()
    with Stack("web", log_dir=tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.fixture(scope="module")
def window(site: Stack, somebody: Walker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A narrow browser that is logged in to the admin."""
    with opened_page(tmp_path_factory.mktemp("window"), width=NARROW) as page:
        errors = console_errors(page)
        somebody.log_in(page, site.url)
        assert errors == []
        yield page.context


@pytest.fixture
def desk(window: BrowserContext) -> Iterator[Page]:
    """A page of the admin; the browser has to be content with all that is shown."""
    with window.new_page() as page:
        errors = console_errors(page)
        yield page
        assert errors == []


def address(row: Model | None) -> str:
    assert row is not None
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_no_list_is_wider_than_its_place_at_1280_pixels(desk: Page, site: Stack) -> None:
    widths = {}
    for model in admin.site._registry:
        desk.goto(f"{site.url}/admin/{model._meta.app_label}/{model._meta.model_name}/")
        widths[model.__name__] = desk.evaluate(WIDTHS)

    shown = {name: both for name, both in widths.items() if both}
    assert len(shown) >= LISTS_WITH_ROWS
    assert {name: both for name, both in shown.items() if both[0] > both[1]} == {}


def test_no_text_on_an_order_page_runs_into_another(desk: Page, site: Stack, order: Order) -> None:
    desk.goto(f"{site.url}{address(order)}")

    found = desk.evaluate(COLLISIONS)

    assert found.pop("lines") > 50
    assert found == {"collisions": [], "outside": [], "brokenTimes": 0}


def test_nor_does_any_on_the_pages_of_its_trader_and_position(desk: Page, site: Stack, order: Order) -> None:
    for row in (order.trader, order.position):
        desk.goto(f"{site.url}{address(row)}")

        found = desk.evaluate(COLLISIONS)

        assert found.pop("lines") > 20
        assert found == {"collisions": [], "outside": [], "brokenTimes": 0}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_about_limits_shows_all_of_its_tables_without_scrolling_sideways(
    desk: Page, site: Stack, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    desk.emulate_media(color_scheme=scheme)
    desk.goto(f"{site.url}{LIMITS_PAGE}")

    found = desk.evaluate("""() => [...document.querySelectorAll(".v-matrix")].map((box) =>
      [box.querySelector("table").id, box.querySelector("table").getBoundingClientRect().width - box.clientWidth])""")

    desk.screenshot(path=tmp_path / f"limits-{scheme}.png", full_page=True)
    assert [name for name, _ in found] == ["denials", "accounts", "locks"]
    assert [name for name, excess in found if excess > 1] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_that_starts_and_stops_has_room_for_its_forms(
    desk: Page, site: Stack, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    desk.emulate_media(color_scheme=scheme)
    desk.goto(f"{site.url}{CONTROLS_PAGE}")

    outside = desk.evaluate("""() => [...document.querySelectorAll("#controls :is(button, input, textarea, li, dd)")]
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth).length""")

    desk.screenshot(path=tmp_path / f"controls-{scheme}.png", full_page=True)
    assert outside == 0
    assert desk.locator("#stop button").count() == 3
    assert desk.locator("#standing").get_attribute("data-state") == "reducing"


def test_all_figures_of_the_dashboard_stand_in_one_row(desk: Page, site: Stack) -> None:
    desk.goto(f"{site.url}/admin/")

    tops = desk.evaluate("""() => [...document.querySelectorAll(".v-figures > *")].map((tile) => tile.offsetTop)""")

    assert len(tops) == 7
    assert len(set(tops)) == 1
