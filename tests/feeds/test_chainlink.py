"""Which of Chainlink's rounds are believed, and what a node may answer without doing harm."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from feeds.sources.base import MarketRef, SourceError
from feeds.sources.chainlink import SEQUENCER, ChainlinkSource, Round, round_refusal, sequencer_refusal
from tests.feeds.conftest import Sandbox
from tests.feeds.rounds import price_round, sequencer_round

ROUND_TYPES = ["uint80", "int256", "uint256", "uint256", "uint80"]
NOW_S = 1_790_000_000
ETH, BTC = MarketRef("ETH/USD", 0), MarketRef("BTC/USD", 1)
GOOD = Round(round_id=9, answer=3000, started_at_s=NOW_S - 10, updated_at_s=NOW_S - 9, answered_in_round=9)
UP = Round(round_id=9, answer=0, started_at_s=NOW_S - 3600, updated_at_s=NOW_S, answered_in_round=9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"answer": 1}, None),
        ({"answer": 0}, "the answer is not positive"),
        ({"answer": -1}, "the answer is not positive"),
        ({"answered_in_round": 10}, None),
        ({"answered_in_round": 8}, "the round is incomplete"),
        ({"updated_at_s": 0}, "the round is incomplete"),
        ({"started_at_s": 0}, "the round is incomplete"),
        ({"updated_at_s": NOW_S - 1320}, None),
        ({"updated_at_s": NOW_S - 1321}, "the round is too old"),
    ],
)
def test_a_round_is_a_price_when_it_is_complete_positive_and_young(change: dict[str, int], reason: str | None) -> None:
    found = GOOD._replace(**change)
    assert round_refusal(found, now_ms=NOW_S * 1000, max_age_ms=ChainlinkSource.max_age_ms) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"answer": 1}, "the sequencer is down"),
        ({"answer": 2}, "the sequencer is down"),
        ({"answer": -1}, "the sequencer is down"),
        ({"started_at_s": NOW_S - 3599}, "the sequencer was down until a short while ago"),
        ({"started_at_s": NOW_S + 10}, "the sequencer was down until a short while ago"),
        ({"started_at_s": 0}, "the sequencer's round is incomplete"),
        ({"updated_at_s": 0}, "the sequencer's round is incomplete"),
        ({"answered_in_round": 8}, "the sequencer's round is incomplete"),
    ],
)
def test_the_sequencer_must_be_up_for_an_hour(change: dict[str, int], reason: str | None) -> None:
    assert sequencer_refusal(UP._replace(**change), now_ms=NOW_S * 1000) == reason


class Node(ThreadingHTTPServer):
    """A node whose sequencer is up and whose feeds are all ETH/USD, or that answers `body` where a feed is asked."""

    daemon_threads = True
    body: bytes | None = None

    def answer(self, asked: Any) -> bytes:
        if asked["method"] == "eth_getCode":  # what web3 wants to know where a call returns nothing
            return result_of(b"")
        to, selector = asked["params"][0]["to"], asked["params"][0]["data"]
        if to == SEQUENCER:
            return result_of(encode(ROUND_TYPES, sequencer_round()))
        if self.body is not None:
            return self.body
        views = {
            "description()": encode(["string"], ["ETH / USD"]),
            "decimals()": encode(["uint8"], [8]),
            "latestRoundData()": encode(ROUND_TYPES, price_round(3000_00000000)),
        }
        return next(result_of(found) for name, found in views.items() if "0x" + keccak(text=name)[:4].hex() == selector)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


def result_of(words: bytes) -> bytes:
    return json.dumps(result("0x" + words.hex())).encode()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    server: Node

    def do_POST(self) -> None:
        body = self.server.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest shows what matters."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node(("127.0.0.1", 0), Answering) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def source(node: Node, settings: Settings) -> Iterator[ChainlinkSource]:
    node.body = None
    settings.BASE_RPC_URL = f"http://127.0.0.1:{node.server_port}/v2/a-key"
    made = ChainlinkSource()
    yield made
    made.close()


def failure(source: ChainlinkSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.fetch([ETH])
    assert "a-key" not in str(caught.value)
    return caught.value


def result(value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 0, "result": value}


def refused(error: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 0, "error": error}


@pytest.mark.parametrize(
    "answer",
    [
        *(None, 5, "text", [], [[]], {}, {"jsonrpc": "2.0", "id": 0}),
        *(result(None), result(5), result({}), result([]), result(""), result("0x"), result("0xzz"), result("0x1")),
        *(result("0x" + "ff" * 160), result("0x" + "00" * 160), result("text")),
        *(refused("text"), refused(5), refused({}), refused({"code": "x", "message": 5}), refused({"code": []})),
        refused({"code": 3, "message": "execution reverted", "data": "0x08c379a0"}),
        refused({"code": 3, "message": "execution reverted", "data": "0x556f1830" + "00" * 160}),  # CCIP read
        {"jsonrpc": "2.0", "id": 0, "method": "eth_subscription", "params": 5},
    ],
    ids=lambda answer: str(answer)[:60],
)
def test_a_strange_answer_is_a_source_error(source: ChainlinkSource, node: Node, answer: Any) -> None:
    node.body = json.dumps(answer).encode()
    caught = failure(source)
    assert caught.retry_after_s is None
    assert not isinstance(caught.__cause__, aiohttp.ClientError), "the node is the one that failed"


@given(words=st.lists(st.integers(0, 2**256 - 1) | st.integers(0, 2**32), min_size=4, max_size=6))
@hypothesis_settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_round_does_harm(source: ChainlinkSource, node: Node, words: list[int]) -> None:
    node.body = None
    assert source.fetch([ETH])[0].price == 3000
    node.body = result_of(b"".join(word.to_bytes(32, "big") for word in words))
    with contextlib.suppress(SourceError):
        assert source.fetch([ETH])[0].price > 0


@pytest.mark.parametrize("code", [-32005, -32016])
def test_a_rate_limit_in_the_answer_is_a_pause(source: ChainlinkSource, node: Node, code: int) -> None:
    node.body = json.dumps(refused({"code": code, "message": "over rate limit"})).encode()
    assert failure(source).retry_after_s == 30


def test_what_a_feed_is_is_asked_once(sandbox: Sandbox) -> None:
    source = ChainlinkSource()
    asked = []
    for _ in range(2):
        before = sandbox.served("rpc")
        assert len(source.fetch([ETH, BTC])) == 2
        asked.append(sandbox.served("rpc") - before)
    source.close()
    assert asked == [7, 3]  # the sequencer and two rounds; before them two descriptions and two times decimals


def test_what_a_feed_is_is_asked_again_where_the_answer_was_none(source: ChainlinkSource, node: Node) -> None:
    node.body = b"502 Bad Gateway"
    failure(source)
    node.body = None
    assert source.fetch([ETH])[0].price == 3000
