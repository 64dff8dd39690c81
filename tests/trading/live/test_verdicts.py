"""What events and answers prove about an intent, whatever their order and number. Pure."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.venues.avantis.verdicts import (
    Disputed,
    Event,
    Executed,
    Expected,
    Refused,
    Submission,
    Undecided,
    UnderWay,
    Verdict,
    judge,
    price_of,
)

TRADER = "0x" + "a1" * 20
OPENING = Expected(TRADER, 0, True, collateral=100_000_000, leverage=100_000_000_000, price=30_000_000_000_000)
CLOSING = Expected(TRADER, 0, True, 99_550_000, 100_000_000_000, 30_000_000_000_000, index=2, opened_at_s=1_790_000_000)

INCREASE = replace(
    CLOSING,
    collateral=50_000_000,
    price=30_000_000_000_000,
    held_collateral=99_550_000,
    held_leverage=100_000_000_000,
)


def fill(**changes: Any) -> dict[str, Any]:
    """A fill of the opening; names of the stored trade's fields go there."""
    trade = {
        "trader": TRADER,
        "pairIndex": "0",
        "index": "2",
        "initialPosToken": "99550000",
        "leverage": "100000000000",
        "buy": True,
        "timestamp": "1790000000",
    }
    payload = {"orderId": "7", "transactionHash": "0x7", "price": "30003000000000", "usdcSentToTrader": "99000000"}
    for name, value in changes.items():
        (trade if name in trade else payload)[name] = value
    return {**payload, "t": trade}


def told(kind: str, payload: dict[str, Any] | None = None, seq: int = 1, tracking_id: str = "one") -> Event:
    return Event(tracking_id, seq, kind, payload or {})


ACCEPTED = told("MarketOrderAccepted", {"trackingId": "one"}, 0)
EXECUTED = told("MarketOrderExecuted", fill(), 2)
CANCELED = told("MarketOrderCanceled", {"reason": "HighSlippage"}, 2)
ERROR = told("Error", {"code": "RELAY_TIMEOUT"}, 2)
ONE = Submission("one")
LOST = Submission()

TABLE: list[tuple[str, list[Submission], list[Event], type[Verdict]]] = [
    ("nothing came back", [LOST], [], Undecided),
    ("accepted, no more yet", [ONE], [ACCEPTED], UnderWay),
    ("one attempt failed, the venue goes on", [ONE], [ACCEPTED, told("AttemptFailed")], UnderWay),
    ("a kind of event that nobody knows", [ONE], [ACCEPTED, told("SomethingNew")], UnderWay),
    ("filled", [ONE], [ACCEPTED, EXECUTED], Executed),
    ("increased", [ONE], [told("PositionSizeIncreased", fill(), 2)], Executed),
    ("canceled, sent once", [ONE], [ACCEPTED, CANCELED], Refused),
    ("canceled, sent twice", [LOST, ONE], [ACCEPTED, CANCELED], Undecided),
    ("canceled under an id that is not the attempt's", [LOST], [CANCELED], Undecided),
    ("HTTP 400, sent once", [Submission(http_status=400)], [], Refused),
    ("HTTP 400, the second time", [LOST, Submission(http_status=400)], [], Undecided),
    ("HTTP 400, the first time", [Submission(http_status=400), LOST], [], Undecided),
    *((f"HTTP {code}", [Submission(http_status=code)], [], Undecided) for code in (403, 404, 408, 409, 429, 451)),
    *((f"HTTP {code}", [Submission(http_status=code)], [], Undecided) for code in (500, 502, 503, 504)),
    ("an error with a sequence number", [ONE], [ACCEPTED, ERROR], Undecided),
    ("an error, then a fill after all", [ONE], [ACCEPTED, ERROR, told("MarketOrderExecuted", fill(), 3)], Executed),
    ("canceled and filled", [ONE], [CANCELED, EXECUTED], Executed),
    (
        "the second attempt finds the nonce used, the first is filled",
        [ONE, Submission("two")],
        [EXECUTED, told("Error", {"code": "ATTEMPTS_EXHAUSTED"}, 2, "two")],
        Executed,
    ),
    ("one of two is still open", [ONE, Submission("two")], [ERROR], UnderWay),
    ("filled, but for somebody else", [ONE], [told("MarketOrderExecuted", fill(trader="0x" + "b2" * 20))], Disputed),
]


@pytest.mark.parametrize(
    ("submissions", "events", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_verdict(submissions: list[Submission], events: list[Event], verdict: type[Verdict]) -> None:
    assert type(judge(submissions, events, OPENING)) is verdict


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"trader": "0x" + "b2" * 20}, "trader"),
        ({"pairIndex": "1"}, "pair"),
        ({"buy": False}, "side"),
        ({"buy": "true"}, "side"),
        ({"initialPosToken": "100000001"}, "collateral"),
        ({"initialPosToken": "0"}, "collateral"),
        ({"leverage": "750000000000"}, "notional"),
        ({"price": "0"}, "price"),
        ({"price": "60000000000000"}, "price"),
        ({"price": "15000000000000"}, "price"),
        ({"price": "-1"}, "unreadable"),
        ({"price": None}, "unreadable"),
        ({"index": None}, "trade"),
        ({"timestamp": "0"}, "trade"),
    ],
)
def test_a_fill_that_is_not_what_was_ordered_is_not_booked(changes: dict[str, Any], differing: str) -> None:
    verdict = judge([ONE], [told("MarketOrderExecuted", fill(**changes))], OPENING)
    assert isinstance(verdict, Disputed)
    assert differing in verdict.differences


@pytest.mark.parametrize("changes", [{"index": "3"}, {"timestamp": "1790000001"}])
def test_a_closing_of_another_trade_is_not_booked(changes: dict[str, Any]) -> None:
    assert judge([ONE], [told("MarketOrderExecuted", fill(**changes))], CLOSING) == Disputed(("trade",))


def test_a_closing_may_tell_of_a_trade_that_is_gone() -> None:
    payload = fill(trader="0x" + "0" * 40, index="0", timestamp="0", initialPosToken="0")
    assert isinstance(judge([ONE], [told("MarketOrderExecuted", payload)], CLOSING), Executed)


def test_a_payload_that_was_torn_proves_nothing_but_is_looked_at() -> None:
    assert judge([ONE], [told("MarketOrderExecuted", {"raw": '{"orde'})], OPENING) == Disputed(("unreadable",))


def test_two_different_fills_of_one_order_are_counted() -> None:
    twice = [EXECUTED, told("MarketOrderExecuted", fill(orderId="8"), 2, "two")]
    verdict = judge([ONE, Submission("two")], twice, OPENING)
    assert isinstance(verdict, Executed)
    assert verdict.others == 1


def increase(**changes: Any) -> dict[str, Any]:
    """What the venue tells of the increase: the whole trade, without a price where that is None."""
    told_of = fill(**{"initialPosToken": "149325000", "leverage": "100150000000", **changes})
    coins = changes.get("coinExposureAdded", "1666500000")  # 500 USDC at 3000.3
    return {**{name: value for name, value in told_of.items() if value is not None}, "coinExposureAdded": coins}


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({}, None),
        ({"price": None}, None),
        ({"price": None, "coinExposureAdded": None}, "unreadable"),
        ({"price": None, "coinExposureAdded": "0"}, "unreadable"),
        ({"price": None, "coinExposureAdded": "16665"}, "price"),
        ({"initialPosToken": "149550000", "leverage": "100000000000"}, None),
        ({"initialPosToken": "149550001"}, "collateral"),
        ({"initialPosToken": "0"}, "collateral"),
        ({"initialPosToken": None}, "collateral"),
        ({"leverage": "100160000000"}, "notional"),
        ({"leverage": None}, "notional"),
        ({"initialPosToken": "99550000", "leverage": "100000000000"}, None),  # a closing took as much meanwhile
        ({"coinExposureAdded": "1690000000"}, "coins"),
        ({"index": "3"}, "trade"),
        ({"timestamp": "1790000001"}, "trade"),
        ({"buy": False}, "side"),
        ({"pairIndex": "1"}, "pair"),
        ({"trader": "0x" + "0" * 40}, "trader"),
        ({"price": "60000000000000"}, "price"),
        ({"price": "-1"}, "unreadable"),
    ],
    ids=repr,
)
def test_an_increase_is_of_its_own_trade_and_no_more_than_was_ordered(
    changes: dict[str, Any], differing: str | None
) -> None:
    verdict = judge([ONE], [told("PositionSizeIncreased", increase(**changes))], INCREASE)
    if differing is None:
        assert isinstance(verdict, Executed)
    else:
        assert isinstance(verdict, Disputed)
        assert differing in verdict.differences


def test_the_price_of_an_increase_follows_from_its_coins_where_none_is_told() -> None:
    assert price_of(INCREASE, increase(price=None)) == pytest.approx(30_003_000_000_000, rel=1e-4)
    assert price_of(INCREASE, {"coinExposureAdded": "1"}) is None


KINDS = ("MarketOrderAccepted", "AttemptFailed", "MarketOrderInitiated", "MarketOrderCanceled", "Error", "Unheard")
ids = st.sampled_from(["one", "two", "three"])
noise = st.builds(told, st.sampled_from(KINDS), st.just({}), st.integers(0, 5), ids)
statuses = st.sampled_from([None, 400, 403, 409, 429, 500, 503])
attempts = st.lists(st.builds(Submission, st.sampled_from(["", "one", "two"]), statuses), min_size=1, max_size=4)


@given(submissions=attempts, events=st.lists(st.one_of(noise, st.just(EXECUTED)), max_size=8), data=st.data())
def test_order_and_repetition_of_events_never_matter(
    submissions: list[Submission], events: list[Event], data: st.DataObject
) -> None:
    again = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=6) if events else st.just([]))]
    assert judge(submissions, data.draw(st.permutations(again)), OPENING) == judge(submissions, events, OPENING)


@given(submissions=attempts, before=st.lists(noise, max_size=6), after=st.lists(noise, max_size=6), tracking_id=ids)
def test_a_fill_anywhere_means_filled(
    submissions: list[Submission], before: list[Event], after: list[Event], tracking_id: str
) -> None:
    found = told("MarketOrderExecuted", fill(), 2, tracking_id)
    assert isinstance(judge(submissions, [*before, found, *after], OPENING), Executed)


@given(submissions=attempts, events=st.lists(noise, max_size=8))
def test_only_a_refusal_of_the_only_attempt_ends_an_order_without_a_fill(
    submissions: list[Submission], events: list[Event]
) -> None:
    verdict = judge(submissions, events, OPENING)
    if isinstance(verdict, Refused):
        (only,) = submissions
        was_canceled = any(e.kind == "MarketOrderCanceled" and e.tracking_id == only.tracking_id for e in events)
        assert only.http_status == 400 or was_canceled
    else:
        assert isinstance(verdict, UnderWay | Undecided)
