"""What goes wrong with prices, one by one and for real: what still works, what is refused, and who says so."""

import os
import signal
from decimal import Decimal
from typing import Any

import pytest

from feeds import selectors
from feeds.consensus import MarkPrice
from feeds.models import Market
from feeds.source_status import read_status
from feeds.sources import SOURCES
from risk.margin import Side
from tests.factories import make_trader
from tests.feeds.drills.conftest import Feeds
from tests.waiting import wait_until
from trading import execution
from trading.models import Order, Trader
from trading.services import orders, placing, positions
from trading.services.orders import OpeningWish, Origin
from vanta import clock, redis

pytestmark = [pytest.mark.processes, pytest.mark.crash]
FRESH_S = 2.0  # no mark is older than this while its primary source answers
TAKES_OVER_WITHIN_S = 10
BACK_WITHIN_S = 5
SECONDARIES = ("coingecko", "chainlink")


def fewest_failures() -> int:
    return min(read_status(name).failures for name in SECONDARIES)


def opening(trader: Trader, mark_price: Decimal) -> Order:
    """What becomes of a small opening in ETH."""
    market = Market.objects.get(symbol="ETH/USD")
    wish = OpeningWish(market, Side.LONG, Decimal(50), Decimal(5))
    origin = Origin(chat_id=trader.chat_id)
    return orders.draft_opening(trader=trader, wish=wish, quoted_price=mark_price, origin=origin)


def opened(trader: Trader) -> Order:
    """A filled opening."""
    order = opening(trader, selectors.mark_price("ETH/USD").price)
    assert order.state == "DRAFT", order.decision
    placing.place(trader=trader, order_id=order.pk)
    execution.drain()
    order.refresh_from_db()
    assert order.state == "FILLED", order.reason
    return order


@pytest.mark.rare  # that a hanging source holds up no other two more show: of the primary, and with few processes
@pytest.mark.parametrize("slow", ["coingecko", "rpc"])
def test_a_source_that_hangs_makes_no_other_old(feeds: Feeds, slow: str) -> None:
    feeds.stack.kill("streamer")  # the polls alone: none may wait for the slow one
    feeds.world.fault(slow, "hang", seconds=30)
    wait_until(lambda: feeds.oldest_mark_s() <= FRESH_S, 10, "the pull has taken over")
    assert feeds.oldest_mark_over(8) <= FRESH_S


def test_a_primary_whose_pull_hangs_goes_on_by_its_stream(feeds: Feeds) -> None:
    feeds.world.fault("feed", "hang", seconds=30, match="price-update-data")
    assert feeds.oldest_mark_over(5) <= FRESH_S


def test_a_primary_that_hangs_altogether_holds_up_no_other_source_and_opens_nothing(feeds: Feeds) -> None:
    feeds.stack.kill("streamer")  # else the open stream goes on
    feeds.world.fault("feed", "hang", seconds=30)
    wait_until(lambda: feeds.reason() == "no_fresh_quote", 10, "the last quotes grow old")
    before_ms = clock.now_ms()
    for name in SECONDARIES:
        feeds.wake_poll(name)
        wait_until(lambda name=name: (read_status(name).last_ok_ms or 0) > before_ms, 15, f"{name} is polled")  # type: ignore[misc]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 500}, marks=pytest.mark.rare),
        pytest.param({"kind": "rate_limit", "retry_after": 1}, marks=pytest.mark.rare),
        pytest.param({"kind": "truncated"}, marks=pytest.mark.rare),
        {"kind": "garbage"},
        pytest.param({"kind": "drop"}, marks=pytest.mark.rare),
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_primary_that_answers_nonsense_is_no_price_and_its_return_is(feeds: Feeds, fault: dict[str, Any]) -> None:
    feeds.stack.kill("streamer")
    feeds.world.fault("feed", **fault)
    wait_until(lambda: feeds.reason() == "no_fresh_quote", 10, "the last quotes grow old")
    wait_until(lambda: read_status("avantis").failures > 0, 5, "the failure is on record")
    feeds.world.reset()
    wait_until(lambda: feeds.oldest_mark_s() <= FRESH_S, 12, "every market is priced again")


def test_a_secondary_that_asks_for_a_pause_is_given_it_and_nobody_minds(feeds: Feeds) -> None:
    feeds.world.fault("coingecko", "rate_limit", retry_after=60)
    feeds.wake_poll("coingecko")
    wait_until(lambda: read_status("coingecko").paused_until_ms > clock.now_ms() + 30_000, 15, "it is left alone")
    asked = feeds.world.served("coingecko")
    assert feeds.oldest_mark_over(4) <= FRESH_S
    assert feeds.world.served("coingecko") == asked


@pytest.mark.rare  # to whoever reads it torn is as good as silent, which a test below shows
def test_torn_frames_of_the_stream_are_skipped_and_the_pull_serves(feeds: Feeds) -> None:
    feeds.world.fault("feed", "truncated", match="/v1/stream")
    wait_until(lambda: (stream := feeds.stream()) is not None and stream.last_error == "silent", 10, "it is noticed")
    assert feeds.oldest_mark_over(4) <= FRESH_S + 1


def test_a_frozen_primary_stops_vouching_and_is_noticed(feeds: Feeds) -> None:
    feeds.world.fault("feed", "frozen")
    wait_until(lambda: feeds.reason() == "no_fresh_quote", 8, "its quotes are too old to open with")
    wait_until(lambda: (stream := feeds.stream()) is not None and stream.last_error == "silent", 8, "the stream is")
    feeds.world.reset()
    wait_until(lambda: feeds.oldest_mark_s() <= FRESH_S, BACK_WITHIN_S, "it vouches again")


def test_a_primary_that_is_one_per_cent_off_is_vetoed_where_others_know_better(feeds: Feeds) -> None:
    feeds.world.fault("feed", "jump", jump_pct=1, symbols=["ETH/USD"])
    wait_until(lambda: feeds.reason() == "vetoed", 5, "the slower sources veto it")
    assert feeds.is_priced("BTC/USD")
    feeds.world.reset()
    wait_until(feeds.is_priced, BACK_WITHIN_S, "the honest price is back")


def test_a_silent_stream_is_found_out_and_the_pull_takes_over(feeds: Feeds) -> None:
    feeds.world.fault("feed", "silent")
    assert feeds.oldest_mark_over(9) <= FRESH_S + 1
    stream = feeds.stream()
    assert stream is not None
    assert stream.last_error == "silent"
    feeds.world.reset()
    wait_until(feeds.is_streaming, 10, "the stream is back")


def test_a_stream_that_is_closed_every_second_is_opened_with_growing_pauses(feeds: Feeds) -> None:
    before = feeds.stack.log("streamer").count("job_restarts")
    feeds.world.fault("feed", "close", seconds=1)
    assert feeds.oldest_mark_over(10) <= FRESH_S + 1
    stream = feeds.stream()
    assert stream is not None
    assert stream.failures >= 2
    assert "closed by the server" in stream.last_error
    # A second of life and pauses of 0.25, 0.5, 1, 2, 4 s: five in ten seconds; without pauses there would be ten.
    assert 3 <= feeds.stack.log("streamer").count("job_restarts") - before <= 7


def test_with_every_source_down_nothing_opens_all_closes_and_readiness_says_which(feeds: Feeds) -> None:
    trader = make_trader()
    position = opened(trader).position
    assert position is not None
    seen = selectors.mark_price("ETH/USD").price
    feeds.stack.kill("streamer")
    for service in ("feed", "coingecko", "rpc"):
        feeds.world.fault(service, "status", status=500)
    wait_until(lambda: not feeds.is_priced(), 10, "no price is left")

    refused = opening(trader, seen)
    assert (refused.state, refused.reason) == ("DENIED", "price_unavailable")
    (closing,) = positions.close(
        trader=trader, positions=[position], share=Decimal(1), origin=Origin(chat_id=trader.chat_id)
    )
    execution.drain()
    closing.refresh_from_db()
    assert closing.state == "FILLED"

    def says_which() -> bool:
        answer = feeds.readyz()
        detail = str(answer.json()["checks"]["feeds"].get("detail"))
        return answer.status_code == 503 and all(f"{name} fails" in detail for name in SOURCES)

    for known in range(selectors.FAILING_AFTER):  # one after the other: a source is never asked twice at once
        for name in SECONDARIES:
            feeds.wake_poll(name)
        wait_until(lambda known=known: fewest_failures() > known, 15, "they failed again")  # type: ignore[misc]
    wait_until(says_which, 40, "/readyz names the sources")


def test_a_streamer_that_was_killed_is_stood_in_for_and_leads_again(feeds: Feeds) -> None:
    feeds.stack.kill("streamer")
    assert feeds.oldest_mark_over(4) <= FRESH_S + 1
    feeds.stack.start("streamer")
    began = clock.monotonic()
    wait_until(feeds.is_streaming, TAKES_OVER_WITHIN_S, "it leads when its old lease has ended")
    assert clock.monotonic() - began < TAKES_OVER_WITHIN_S


def test_of_two_streamers_one_leads_and_the_other_takes_over(feeds: Feeds) -> None:
    second = feeds.another_streamer()
    log = feeds.stack.log_dir / "another-streamer.log"
    assert feeds.oldest_mark_over(5) <= FRESH_S
    assert feeds.is_streaming()
    assert "streamer_leads" not in log.read_text()
    connections = feeds.world.served("feed")

    feeds.stack.kill("streamer")
    wait_until(lambda: feeds.leads(second.pid), TAKES_OVER_WITHIN_S, "the second leads")
    assert feeds.world.served("feed") > connections
    os.kill(second.pid, signal.SIGTERM)
    second.wait(10)
    wait_until(lambda: "streamer_leads_no_more" in log.read_text(), 5, "it gives its lease up in order")
    assert not redis.client().exists("leader:streamer")


def test_prices_are_back_soon_after_redis_was_restarted(feeds: Feeds) -> None:
    feeds.services.redis.kill()
    wait_until(lambda: not feeds.is_priced(), 5, "without Redis there is no price")
    feeds.services.redis.restart()
    began, began_ms = clock.monotonic(), clock.now_ms()

    def has_new_price() -> bool:
        mark = feeds.mark()
        return isinstance(mark, MarkPrice) and mark.as_of_ms >= began_ms

    wait_until(has_new_price, BACK_WITHIN_S, "prices are back")
    assert clock.monotonic() - began <= BACK_WITHIN_S
    wait_until(lambda: feeds.oldest_mark_s() <= FRESH_S, BACK_WITHIN_S, "all of them")
