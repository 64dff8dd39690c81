"""Faults of the feed's price stream: each acts on open streams and on new ones, and ends when it is cleared."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.conftest import Sandbox
from tests.sandbox.stream_reader import StreamReader, prices_in
from tests.waiting import wait_until

ETH, BTC = 2, 1
PULL = "/feed/v2/pairs/0/price-update-data"
QUIET_S = 1.0


def inject(sandbox: Sandbox, **fault: object) -> None:
    sandbox.post("/control/faults", **{"service": "feed", **fault}).raise_for_status()


def clear(sandbox: Sandbox) -> None:
    sandbox.control.delete("/control/faults").raise_for_status()


def wait_for_silence(stream: StreamReader) -> None:
    wait_until(lambda: time.monotonic() - stream.last_line_s > QUIET_S, 10, "a second without a frame")


def is_pulled(sandbox: Sandbox) -> bool:
    try:
        return bool(httpx.get(sandbox.url + PULL, timeout=1).json()["pro"])
    except (httpx.TransportError, ValueError, KeyError):
        return False


def is_streamed(sandbox: Sandbox) -> bool:
    """Whether a new stream brings a whole frame within a second."""
    with StreamReader(sandbox.url, ETH) as stream:
        wait_until(lambda: stream.ended or stream.frames or time.monotonic() > stream.opened_s + 1, 5, "an outcome")
        return bool(stream.frames)


def test_an_open_stream_falls_silent_and_speaks_again(sandbox: Sandbox) -> None:
    with StreamReader(sandbox.url, ETH) as stream:
        stream.wait_for_frames(2)
        inject(sandbox, kind="silent")
        wait_for_silence(stream)
        assert not stream.ended
        clear(sandbox)
        stream.wait_for_frames(2)


def test_a_new_stream_is_opened_and_silent(sandbox: Sandbox) -> None:
    inject(sandbox, kind="silent")
    with StreamReader(sandbox.url, ETH) as stream:
        wait_until(lambda: stream.status == 200, 5, "the stream's answer")
        wait_for_silence(stream)
        assert (stream.frames, stream.ended) == ([], "")
    assert is_pulled(sandbox)


def test_silence_can_be_of_some_markets_only(sandbox: Sandbox) -> None:
    with StreamReader(sandbox.url, ETH, BTC) as stream:
        assert set(prices_in(stream.wait_for_frames(1)[0])) == {ETH, BTC}
        inject(sandbox, kind="silent", symbols=["eth/usd"])
        wait_until(lambda: set(prices_in(stream.frames[-1])) == {BTC}, 5, "a frame without ETH")


def test_an_open_stream_lives_for_some_seconds_from_the_fault_on_and_ends_cleanly(sandbox: Sandbox) -> None:
    with StreamReader(sandbox.url, ETH) as stream:
        wait_until(lambda: time.monotonic() > stream.opened_s + 1, 5, "the stream is older than the fault allows")
        added_s = time.monotonic()
        inject(sandbox, kind="close", seconds=1.0)
        wait_until(lambda: stream.ended, 5, "the end of the stream")
        assert stream.ended == "cleanly"
        assert time.monotonic() - added_s >= 0.95


def test_every_new_stream_is_closed_after_its_seconds_until_the_fault_is_cleared(sandbox: Sandbox) -> None:
    inject(sandbox, kind="close", seconds=0.6)
    for _ in range(2):
        with StreamReader(sandbox.url, ETH) as stream:
            wait_until(lambda stream=stream: stream.ended, 5, "the end of the stream")  # type: ignore[misc]
            assert stream.ended == "cleanly"
            assert len(stream.frames) >= 2
            assert time.monotonic() - stream.opened_s >= 0.6
    clear(sandbox)
    with StreamReader(sandbox.url, ETH) as stream:
        wait_until(lambda: time.monotonic() > stream.opened_s + 1, 5, "more than its seconds")
        stream.wait_for_frames(1)


def test_a_close_with_a_count_ends_so_many_streams(sandbox: Sandbox) -> None:
    inject(sandbox, kind="close", seconds=0, count=1)
    assert not is_streamed(sandbox)
    assert is_streamed(sandbox)
    assert sandbox.state()["faults"] == []


def test_a_close_that_never_comes_up_spares_the_stream(sandbox: Sandbox) -> None:
    inject(sandbox, kind="close", seconds=0, probability=0)
    with StreamReader(sandbox.url, ETH) as stream:
        stream.wait_for_frames(5)


@pytest.mark.parametrize("is_open_before", [True, False])
def test_frames_are_torn_in_half_while_the_fault_lasts(sandbox: Sandbox, is_open_before: bool) -> None:
    if not is_open_before:
        inject(sandbox, kind="truncated")
    with StreamReader(sandbox.url, ETH, BTC) as stream:
        if is_open_before:
            stream.wait_for_frames(1)
            inject(sandbox, kind="truncated")
        wait_until(lambda: len(stream.torn) >= 3, 5, "three torn frames")
        assert all(line.startswith('data: {"timestampUs"') for line in stream.torn)
        clear(sandbox)
        whole = stream.wait_for_frames(2)[-1]
        assert set(prices_in(whole)) == {ETH, BTC}
        assert not stream.ended


def test_a_frozen_feed_goes_on_sending_its_old_price_and_timestamp(sandbox: Sandbox) -> None:
    with StreamReader(sandbox.url, ETH, BTC) as stream:
        stream.wait_for_frames(1)
        inject(sandbox, kind="frozen")
        pulled = sandbox.get(PULL).json()["pro"]
        frozen_us = str(pulled["publishTimestampMs"] * 1000)
        stream.wait_for_frames(2)
        sandbox.post("/control/price", symbol="ETH", price=pulled["price"] * 1.5)
        later = stream.wait_for_frames(4)
        assert {frame["timestampUs"] for frame in later} == {frozen_us}
        assert {float(prices_in(frame)[ETH]) for frame in later} == {pulled["price"]}
        clear(sandbox)
        wait_until(lambda: stream.frames[-1]["timestampUs"] > frozen_us, 5, "a newer timestamp")
        assert float(prices_in(stream.wait_for_frames(1)[0])[ETH]) == pytest.approx(pulled["price"] * 1.5, rel=0.01)
    sandbox.post("/control/price", symbol="ETH", price=pulled["price"])


def test_a_frozen_market_keeps_its_timestamp_beside_markets_that_move(sandbox: Sandbox) -> None:
    with StreamReader(sandbox.url, ETH, BTC) as stream:
        inject(sandbox, kind="frozen", symbols=["ETH/USD"])
        frozen_us = str(sandbox.get(PULL).json()["pro"]["publishTimestampMs"] * 1000)
        wait_until(lambda: any(BTC not in prices_in(frame) for frame in stream.frames), 5, "a frame of ETH alone")
        frames = stream.wait_for_frames(8)
    eth = [frame for frame in frames if ETH in prices_in(frame)]
    btc = [frame for frame in frames if BTC in prices_in(frame)]
    assert {frame["timestampUs"] for frame in eth} == {frozen_us}
    assert len({frame["timestampUs"] for frame in btc}) == len(btc) >= 3


def test_a_jump_bends_an_open_stream(sandbox: Sandbox) -> None:
    sandbox.post("/control/freeze", frozen=True)
    with StreamReader(sandbox.url, ETH, BTC) as stream:
        before = prices_in(stream.wait_for_frames(2)[-1])
        inject(sandbox, kind="jump", jump_pct=-20, symbols=["ETH/USD"])
        wait_until(lambda: prices_in(stream.frames[-1])[ETH] < before[ETH], 5, "the jump")
        after = prices_in(stream.frames[-1])
    assert float(after[ETH]) == pytest.approx(float(before[ETH]) * 0.8)
    assert after[BTC] == before[BTC]


REQUEST_FAULTS = [
    {"kind": "drop"},
    {"kind": "drop", "when": "after"},
    {"kind": "hang", "seconds": 30},
    {"kind": "status", "status": 503},
    {"kind": "garbage"},
    {"kind": "rate_limit"},
    {"kind": "truncated"},
]


@pytest.mark.parametrize("fault", REQUEST_FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize(
    ("match", "hit", "spared"),
    [("/v1/stream", is_streamed, is_pulled), ("price-update-data", is_pulled, is_streamed)],
    ids=["stream", "pull"],
)
def test_a_fault_of_a_path_hits_the_stream_or_the_pull_alone(
    sandbox: Sandbox,
    fault: dict[str, object],
    match: str,
    hit: Callable[[Sandbox], bool],
    spared: Callable[[Sandbox], bool],
) -> None:
    inject(sandbox, **fault, match=match)
    assert spared(sandbox)
    assert not hit(sandbox)
    clear(sandbox)
    assert hit(sandbox)


def test_a_status_after_the_answer_is_told_at_once_where_the_answer_never_ends(sandbox: Sandbox) -> None:
    inject(sandbox, kind="status", status=503, when="after")
    assert sandbox.get("/feed/v1/stream", price_feed_ids=ETH).status_code == 503


def test_a_dropped_stream_is_cut_and_does_not_end_cleanly(sandbox: Sandbox) -> None:
    inject(sandbox, kind="drop", match="/v1/stream", count=1)
    with StreamReader(sandbox.url, ETH) as stream:
        wait_until(lambda: stream.ended, 5, "the end of the stream")
    assert stream.ended == "cut"


@pytest.mark.parametrize("kind", ["silent", "close"])
def test_a_stream_fault_of_a_service_without_streams_is_refused(sandbox: Sandbox, kind: str) -> None:
    refused = sandbox.post("/control/faults", service="telegram", kind=kind)
    assert refused.status_code == 400
    assert "feed" in refused.json()["error"]
