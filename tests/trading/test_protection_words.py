"""What people read of protections: denials that say until when, the news on the card, /risk and /why."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, words
from tests.trading.pipeline import open_position
from tests.trading.protecting import Protect, look, protect
from tests.trading.test_cards import shown
from tests.trading.timeline import HOUR, MINUTE, NOON, SECOND, Timeline, timeline
from trading import execution
from trading.models import Order
from trading.telegram import cards, denial_words

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["protect", "timeline"]
ALL = {
    "cooldown_minutes": 60,
    "drawdown_pct": D("0.01"),
    "drawdown_days": 7,
    "market_stops": 1,
    "market_stops_hours": 24,
}
WISH = "/long ETH 50 10x sl=2990"


def stopped_out(timeline: Timeline, person: Person) -> Order:
    """At noon, of 500 USDC at 10x: 1.74 % of the account."""
    timeline.at(NOON - SECOND)
    open_position(person, "/long ETH 500 10x sl=2900")
    timeline.at(NOON, "2899")
    look(Market.objects.get(symbol="ETH/USD"))
    execution.drain()
    return Order.objects.get(kind="close")


def test_a_denial_says_which_lock_why_until_when_and_that_closing_works(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, **ALL)
    stopped_out(timeline, ada)
    timeline.at(NOON + 12 * MINUTE)
    card = words(ada.types(WISH))
    for line in (
        "A cool-down of 60 min follows a stop-out or a liquidation; your last was 12 min ago. "
        "You can open again from Mon 23 Nov 13:00:00 UTC (in 48 min). Closing works.",
        "Your equity is 1.74 % below its recent high; 1.00 % is the limit. "
        "You can open again from Mon 30 Nov 00:00:00 UTC (in 7 d), or once it is back within the limit. Closing works.",
        "You were stopped out or liquidated here once lately; 1 locks the market for you. "
        "You can open here again from Tue 24 Nov 12:00:00 UTC (in 24 h). Closing works.",
    ):
        assert line in card, card


def test_what_is_beyond_a_limit_by_a_trifle_never_reads_as_if_it_were_at_it() -> None:
    numbers = {"code": "drawdown_lock", "measured": "0.1000001", "limit": "0.1", "detail": "2026-11-30T00:00:00+00:00"}
    assert "is 10.01 % below its recent high; 10.00 % is the limit" in denial_words.denial(numbers)
    seconds = {"code": "cooldown", "measured": "0.5", "limit": "60", "detail": "2026-11-30T00:00:00.001+00:00"}
    assert "your last was 30 s ago. You can open again from Mon 30 Nov 00:00:01 UTC." in denial_words.denial(seconds)


@pytest.mark.parametrize("code", ["cooldown", "drawdown_lock", "market_lock"])
def test_a_code_without_its_numbers_still_says_where_to_look(code: str) -> None:
    assert "/risk says until when. Closing works." in denial_words.denials({}, code)


def test_the_card_of_a_stop_out_brings_the_news_of_what_it_locks(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60, market_stops=1, market_stops_hours=24)
    card = shown(cards.order_card(stopped_out(timeline, ada)))
    assert card.startswith("🛑 Stopped out")
    assert "⏸ Cool-down: no openings until Mon 23 Nov 13:00:00 UTC (60 min)" in card
    assert "🔒 ETH: no openings until Tue 24 Nov 12:00:00 UTC (24 h)\nClosing works." in card


def test_without_protections_no_card_and_no_page_speaks_of_them(timeline: Timeline, ada: Person, eth: Market) -> None:
    card = shown(cards.order_card(stopped_out(timeline, ada)))
    assert "Closing works" not in card
    assert "Protections" not in ada.answer("/risk")


def test_risk_shows_what_is_on_and_what_locks_now(
    timeline: Timeline, ada: Person, eth: Market, price: SetPrice, protect: Protect
) -> None:
    protect(ada, **ALL)
    page = ada.answer("/risk")
    for line in (
        "<b>Protections</b>",
        "Cool-down  60 min after a stop-out or a liquidation",
        "Drawdown  0.00 % of 1.00 % below the highest 00:00 UTC of 7 days",
        "A market is locked by  1 stop-out or liquidation in 24 h",
    ):
        assert line in page, page
    assert "no openings" not in page
    stopped_out(timeline, ada)
    timeline.at(NOON + MINUTE)
    page = ada.answer("/risk")
    for line in (
        "Drawdown  1.74 % of 1.00 % below",
        "⏸ Cool-down: no openings until Mon 23 Nov 13:00:00 UTC (59 min)",
        "🔒 Drawdown lock: no openings until Mon 30 Nov 00:00:00 UTC (7 d) at the latest",
        "🔒 ETH: no openings until Tue 24 Nov 12:00:00 UTC (24 h)",
        "Closing works.",
    ):
        assert line in page, page
    timeline.at(NOON + 24 * HOUR)
    assert "Cool-down: no" not in ada.answer("/risk")


def test_risk_shows_only_what_is_on(timeline: Timeline, ada: Person, protect: Protect) -> None:
    protect(ada, drawdown_pct=D("0.1"), drawdown_days=1)
    page = ada.answer("/risk")
    assert "Drawdown  0.00 % of 10.00 % below 00:00 UTC of today" in page
    assert "Cool-down" not in page
    assert "A market is locked" not in page


def test_the_preview_passes_them_and_why_shows_them_like_any_other_check(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60, drawdown_pct=D("0.1"), drawdown_days=7, market_stops=2, market_stops_hours=24)
    draft = ada.drafts(WISH)
    page = ada.answer(f"/why {draft.pk}")
    assert "✓ below the recent high  0.000 % ≤ 10.000 %" in page
    assert "✓ stop-outs here against the limit  0 · 2" in page
    assert "stop-outs lately" in page
    stopped_out(timeline, ada)
    timeline.at(NOON + 12 * MINUTE + SECOND)
    ada.types(WISH)
    page = ada.answer(f"/why {ada.orders[-1].pk}")
    assert "✗ cooldown: minutes since the last stop-out  12 &lt; 60" in page
    assert "✓ stop-outs here against the limit  1 · 2" in page
    timeline.at(NOON + 60 * MINUTE)
    assert "✓ minutes since the last stop-out  60 ≥ 60" in ada.answer(f"/why {ada.drafts(WISH).pk}")
