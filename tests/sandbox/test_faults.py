"""Each fault does what it says, to the service that it names, as often as it was asked to."""

import time

import httpx
import pytest

from tests.sandbox.conftest import TOKEN, Sandbox
from tests.waiting import wait_until

PRICE = "/veranta/feed/v2/pairs/0/price-update-data"


def inject(sandbox: Sandbox, **fault: object) -> None:
    sandbox.post("/control/faults", **{"service": "feed", **fault}).raise_for_status()


def price(sandbox: Sandbox) -> tuple[float, int]:
    told = sandbox.get(PRICE).json()["pro"]
    return told["price"], told["publishTimestampMs"]


def test_a_hang_outlasts_the_clients_patience(sandbox: Sandbox) -> None:
    inject(sandbox, kind="hang", seconds=30, count=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(sandbox.url + PRICE, timeout=0.3)
    assert sandbox.get(PRICE).is_success


def test_a_short_hang_is_only_slow(sandbox: Sandbox) -> None:
    inject(sandbox, kind="hang", seconds=0.4, count=1)
    began = time.monotonic()
    assert sandbox.get(PRICE).is_success
    assert time.monotonic() - began >= 0.4


def test_a_status_is_answered_as_often_as_asked(sandbox: Sandbox) -> None:
    inject(sandbox, kind="status", status=503, count=2)
    assert [sandbox.get(PRICE).status_code for _ in range(3)] == [503, 503, 200]


def test_garbage_is_not_json(sandbox: Sandbox) -> None:
    inject(sandbox, kind="garbage", count=1)
    with pytest.raises(ValueError):
        sandbox.get(PRICE).json()


@pytest.mark.parametrize(
    ("service", "path"),
    [("feed", PRICE), ("data", "/veranta/data/v2/trading"), ("coingecko", "/coingecko/api/v3/ping")],
)
def test_a_truncated_answer_is_whole_http_around_half_a_body(sandbox: Sandbox, service: str, path: str) -> None:
    whole = sandbox.get(path)
    inject(sandbox, service=service, kind="truncated", count=1)
    cut = sandbox.get(path)
    assert (cut.status_code, cut.headers["content-type"]) == (200, "application/json")
    assert int(cut.headers["content-length"]) == len(cut.content)
    assert abs(len(cut.content) - len(whole.content) // 2) < 100
    with pytest.raises(ValueError):
        cut.json()
    assert sandbox.get(path).json()


def test_a_truncated_post_is_carried_out_all_the_same(sandbox: Sandbox) -> None:
    inject(sandbox, service="telegram", kind="truncated", count=1)
    send = f"{sandbox.url}/telegram/bot{TOKEN}/sendMessage"
    with pytest.raises(ValueError):
        httpx.post(send, json={"chat_id": 1002, "text": "its answer was cut"}).json()
    assert sandbox.messages(1002)[-1]["text"] == "its answer was cut"


def test_a_drop_cuts_the_connection(sandbox: Sandbox) -> None:
    inject(sandbox, kind="drop", count=1)
    with pytest.raises(httpx.TransportError):
        sandbox.get(PRICE)
    assert sandbox.get(PRICE).is_success


def test_a_frozen_feed_keeps_its_price_and_its_timestamp(sandbox: Sandbox) -> None:
    inject(sandbox, kind="frozen", symbols=["ETH/USD"])
    frozen = price(sandbox)
    sandbox.post("/control/price", symbol="ETH", price=frozen[0] * 1.5)
    wait_until(lambda: time.time() * 1000 > frozen[1] + 500, 5, "half a second")
    assert price(sandbox) == frozen
    sandbox.control.delete("/control/faults", params={"service": "feed"})
    assert price(sandbox)[0] == pytest.approx(frozen[0] * 1.5, rel=0.01)
    sandbox.post("/control/price", symbol="ETH", price=frozen[0])


def test_a_jump_bends_one_source_and_leaves_the_others(sandbox: Sandbox) -> None:
    sandbox.post("/control/freeze", frozen=True)
    before = price(sandbox)[0]
    inject(sandbox, kind="jump", jump_pct=-20)
    assert price(sandbox)[0] == pytest.approx(before * 0.8)
    prices = sandbox.state()["prices"]
    assert isinstance(prices, dict)
    assert prices["ETH/USD"] == pytest.approx(before)


def test_a_fault_that_never_comes_up_does_nothing(sandbox: Sandbox) -> None:
    inject(sandbox, kind="status", probability=0)
    assert all(sandbox.get(PRICE).is_success for _ in range(20))


@pytest.mark.parametrize(
    "fault",
    [
        {"service": "moon", "kind": "hang"},
        {"kind": "explode"},
        {"kind": "hang", "seconds": -1},
        {"kind": "status", "status": 200},
        {"kind": "hang", "probability": "often"},
        {"service": "telegram", "kind": "jump"},
        {"service": "feed", "kind": "sequencer_down"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_reason(sandbox: Sandbox, fault: dict[str, object]) -> None:
    refused = sandbox.post("/control/faults", **{"service": "feed", **fault})
    assert refused.status_code == 400
    assert refused.json()["error"]
    assert sandbox.state()["faults"] == []


def test_pages_of_other_sites_cannot_reach_the_controls(sandbox: Sandbox) -> None:
    state = sandbox.url + "/control/state"
    assert httpx.get(state, headers={"origin": "https://evil.example"}).status_code == 403
    assert httpx.get(state, headers={"host": "evil.example"}).status_code == 403


def test_requests_are_counted_by_service(sandbox: Sandbox) -> None:
    def counted() -> int:
        return int(sandbox.get("/control/state").json()["served"]["feed"]["requests"])

    before = counted()
    sandbox.get(PRICE)
    assert counted() == before + 1
