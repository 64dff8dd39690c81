"""Text that nobody should type: a clear answer, no exception, no order."""

import string

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.models import Market
from tests.trading.people import Person
from trading.models import Order, OutboxMessage, TelegramUpdate, Trader
from trading.telegram.commands import HANDLERS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "TELEGRAM_MESSAGES_PER_MINUTE", 10_000)


ARABIC_ETH = "\u202eETH\u202c"
ZALGO = "E\u0301\u0302\u0303\u0304T\u0335H\u0336"
ZERO_WIDTH = "E\u200bT\u200dH\ufeff"

AMOUNTS = [
    "-100",
    "0",
    "-0",
    "NaN",
    "nan",
    "sNaN",
    "inf",
    "Infinity",
    "-inf",
    "1e999",
    "1e-999",
    "1E5",
    "0x64",
    "0b1",
    "１００",
    "१००",
    "٣٠",
    "½",
    "Ⅴ",
    "1/2",
    "10%%",
    "100;",
    "1'--",
    "9" * 400,
    "0." + "0" * 400 + "1",
    "1 000",
    "1..5",
    "1,5,",
    "--",
    "💯",
    "1\u200b00",
]
TEXTS = [
    "/",
    "//",
    "/ long ETH 100 10x",
    "/long'; DROP TABLE trading_order; --",
    "/long ETH' OR '1'='1 100 10x",
    "/long <b>ETH</b> 100 10x",
    "/long <script>alert(1)</script> 100 10x",
    "/long &amp; 100 10x",
    "/long &lt;b&gt; 100 10x",
    "/long </code> 100 10x",
    "/<b>bold</b>",
    "<b>unclosed",
    "</i>",
    "&#x3C;b&#x3E;",
    "مرحبا /long ETH 100 10x",
    "/long 🚀 100 10x",
    "/long ETH 🚀 10x",
    "👨‍👩‍👧‍👦" * 100,
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿/long",
    "/long\u0000 ETH",
    "\u0000",
    "\ud83d",
    "\u2028\u2029\u0085",
    "\t\r\n",
    "%s%s%s %(name)s {0} {x!r}",
    "/long %s 100 10x",
    "/long {symbol} 100 10x",
    "x" * 4096,
    "/long " + "x" * 4090,
    "/" + "x" * 4095,
    "/long ETH " + "9" * 4080,
    "&" * 4096,
    "<" * 4096,
    "/markets " + "&" * 4080,
    "/markets <b>",
    "/markets " + "🚀" * 100,
    "/price " + "<" * 4000,
    "/close " + "&" * 4000,
    "/cancel " + "9" * 4000,
    "/why -1",
    "/settings " + "<" * 4000,
    "/settings buffer add " + "9" * 4000,
    "/settings buffer add ٣٠",
    "/settings buffer \u202ereduce",
    "/why 9223372036854775808",
    "/cancel 999999999999999999",
    "/close #999999999999999999",
    "/close ²",
    "/close ٣",
    "/why ٣",
]


def assert_answered(person: Person, text: str) -> None:
    """Every answer is checked for what Telegram takes; see `Person`."""
    owed = person.types(text)
    assert [row.chat_id for row in owed] == [person.id]
    assert not TelegramUpdate.objects.filter(status="failed").exists()
    assert not Order.objects.exists()


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:40])
def test_hostile_text_gets_one_clear_answer_and_changes_nothing(ada: Person, eth: Market, text: str) -> None:
    if "\x00" in text or "\ud83d" in text:
        text = text.replace("\x00", "\ufffd").replace("\ud83d", "?")  # as the webhook stores them
    assert_answered(ada, text)


@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda text: ascii(text)[:30])
@pytest.mark.parametrize(
    "form", ["/long ETH {} 10x", "/short ETH 100 {}x", "/long ETH 100 10x sl={}", "/long ETH 100 10x tp=${}"]
)
def test_what_is_no_number_never_becomes_an_order(ada: Person, eth: Market, form: str, amount: str) -> None:
    assert_answered(ada, form.format(amount))


@pytest.mark.parametrize("market", [ARABIC_ETH, ZALGO, ZERO_WIDTH], ids=ascii)
def test_a_market_with_invisible_letters_is_previewed_under_its_real_name(
    ada: Person, eth: Market, market: str
) -> None:
    assert "LONG ETH 10x" in ada.answer(f"/long {market} 100 10x")


@pytest.mark.parametrize("name", ["<b>Ada</b>", "&amp;", "\u202eadA", "A" * 256, "", "👑\x00"], ids=ascii)
def test_a_strange_name_is_shown_as_it_is(ada: Person, name: str) -> None:
    update = ada.text_update("/start")
    update["message"]["from"]["first_name"] = name.replace("\x00", "\ufffd")
    (row,) = ada._handled(update)
    assert "Welcome" in row.payload["text"]
    assert Trader.objects.count() == 1


ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=300)
TYPICAL = st.text(string.ascii_letters + string.digits + "<>&;%$=#/@.,_-+ \n\u200f\u0301🚀", min_size=1, max_size=120)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANYTHING | TYPICAL)
def test_any_text_gets_an_answer_that_telegram_takes(ada: Person, eth: Market, text: str) -> None:
    assert len(ada.types(text)) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(HANDLERS)), words=st.lists(ANYTHING | TYPICAL | st.sampled_from(AMOUNTS), max_size=5)
)
def test_any_words_after_any_command_get_an_answer(ada: Person, eth: Market, name: str, words: list[str]) -> None:
    assert ada.types(" ".join((f"/{name}", *words))[:4096])
    assert not OutboxMessage.objects.filter(payload__text="").exists()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    collateral=st.sampled_from(["0.000001", "1", "99.999999", "100", "1k", "1500", "10k", "1m", "1000m"]),
    leverage=st.sampled_from(["1x", "1.01x", "2.5x", "10x", "75x", "76x", "500x", "99999.99x"]),
    levels=st.lists(
        st.sampled_from(
            [
                "sl=0.0000000001",
                "sl=99.99%",
                "sl=$1000000",
                "sl=2900",
                "sl=3100",
                "tp=1%",
                "tp=999999%",
                "tp=1",
                "tp=$1",
            ]
        ),
        max_size=2,
        unique_by=lambda level: level[:2],
    ),
    side=st.sampled_from(["long", "short"]),
)
def test_extreme_but_readable_openings_are_previewed_or_denied_in_readable_words(
    ada: Person, eth: Market, side: str, collateral: str, leverage: str, levels: list[str]
) -> None:
    (row,) = ada.types(f"/{side} ETH {collateral} {leverage} {' '.join(levels)}")
    assert row.order is None or row.order.state in ("DRAFT", "DENIED")
