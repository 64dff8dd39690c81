"""Redis dead or hung: updates are stored and answered at once, closes are carried out, openings wait for it."""

import os
import signal
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.trading.processes.outside import assert_books_balance, confirmation, new_trader, tap_update, text_update
from tests.trading.processes.system import System
from tests.waiting import wait_until
from trading.models import Fill, Order, Panic, TelegramUpdate, Trader
from vanta import clock

ANSWER_WITHIN_S = 0.5
Repair = Callable[[], None]


def kill(vanta: System) -> Repair:
    vanta.services.redis.kill()
    return vanta.services.redis.restart


def hang(vanta: System) -> Repair:
    pid = vanta.services.redis.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


@pytest.mark.processes
@pytest.mark.crash
@pytest.mark.parametrize("take_away", [kill, hang])
def test_without_redis_closes_are_carried_out_and_openings_wait_for_it(
    vanta: System, take_away: Callable[[System], Repair]
) -> None:
    vanta.control("POST", "/freeze", {"frozen": True})
    types, taps, opens, panics = new_trader(), new_trader(), new_trader(), new_trader()
    vanta.opened(types), vanta.opened(panics)
    position = vanta.opened(taps).position
    assert position is not None
    opening = vanta.draft(opens)
    vanta.wait_quiet()

    repair = take_away(vanta)
    try:
        answer_s = [
            seconds_of_answer(vanta, text_update(types, "/close ETH")),
            seconds_of_answer(vanta, confirmation(opening)),
            seconds_of_answer(vanta, text_update(panics, "/panic")),
            seconds_of_answer(vanta, tap_update(taps, f"close:{position.pk}:50:0")),
            *(seconds_of_answer(vanta, text_update(opens, "/help")) for _ in range(8)),
        ]
        wait_until(lambda: closed(types) and closed(taps), 15, "the dispatcher carries out both closes")
        wait_until(lambda: Panic.objects.filter(trader=panics).exists(), 10, "the dispatcher stops the entries")
        second = tap_update(panics, f"panic:close:{Panic.objects.get(trader=panics).pk}")
        answer_s.append(seconds_of_answer(vanta, second))
        wait_until(lambda: closed(panics), 15, "the dispatcher closes everything")
        opening.refresh_from_db()
        assert opening.state == "DRAFT"
    finally:
        repair()
    assert max(answer_s) < ANSWER_WITHIN_S, answer_s
    position.refresh_from_db()
    assert position.collateral_usd == Decimal(50)

    vanta.wait_filled(opening)
    vanta.wait_quiet()
    assert not TelegramUpdate.objects.filter(chat_id=opens.chat_id).exclude(status="done").exists()
    assert Fill.objects.filter(order__trader__in=[types, taps, opens, panics]).count() == 7
    assert_books_balance()


def seconds_of_answer(vanta: System, update: dict[str, object]) -> float:
    started = clock.monotonic()
    answer = vanta.post(update)
    assert (answer.status_code, answer.text) == (200, "stored")
    return clock.monotonic() - started


def closed(trader: Trader) -> bool:
    return Order.objects.filter(trader=trader, kind=Order.Kind.CLOSE, state="FILLED").exists()
