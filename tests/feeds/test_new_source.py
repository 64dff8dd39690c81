"""A new source is one file and one line: with them it is polled, heard in the consensus, and watched."""

import pytest

from feeds import selectors, services
from feeds.sources import SOURCES
from tests.feeds.conftest import Sandbox

pytestmark = pytest.mark.django_db


def test_a_new_source_is_one_file_and_one_line(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "example", "tests.feeds.example_source.ExampleSource")

    sandbox.set_price("ETH/USD", "3000")
    services.refresh_markets()
    services.poll_source("avantis")
    assert services.poll_source("example") == 1
    mark = selectors.mark_price("ETH/USD")
    assert (mark.sources, mark.excluded) == (("avantis", "example"), ())
    assert "example" in {source.name for source in selectors.feed_status().sources}
