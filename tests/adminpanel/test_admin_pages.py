"""Every page of the admin opens, and what services wrote cannot be edited there."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models
from django.test import Client
from django.urls import reverse

from adminpanel.models import Alert, PreflightRun
from feeds.models import ConsensusLoss, LastMark, Market
from risk import canary_cap, check_in, execution_mode, trading_state
from risk.models import CanaryCapChange, EnvironmentLimits, ExecutionModeChange, RiskPolicy, TradingStateChange
from risk.trading_state import TradingState
from tests.access import log_in, make_user
from tests.adminpanel.desk import checked
from tests.adminpanel.stories import filled_order
from tests.factories import (
    make_day_opening,
    make_market,
    make_message,
    make_order,
    make_policy,
    make_position,
    make_trader,
)
from trading.models import (
    DayOpening,
    Delegate,
    Fill,
    InvariantBreach,
    LedgerTransaction,
    Order,
    OutboxMessage,
    Position,
    Receipt,
    TelegramUpdate,
    Trader,
    VenueAlarm,
    VenueIdentity,
)
from trading.services import panics
from trading.services.orders import Origin
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db

NAMELESS = {"username": "grace", "first_name": "Grace"}
ROWS: dict[type[models.Model], Callable[[], Any]] = {
    Trader: make_trader,
    Delegate: lambda: Delegate.objects.create(trader=make_trader(), wallet_address="0x" + "1" * 40),
    Order: filled_order,
    Position: make_position,
    DayOpening: make_day_opening,
    Fill: lambda: filled_order().fills.get(),
    Receipt: lambda: Receipt.objects.create(fill=filled_order().fills.get(), transaction_hash="0x1", outcome="missing"),
    LedgerTransaction: lambda: filled_order().ledger_transactions.get(),
    OutboxMessage: make_message,
    TelegramUpdate: lambda: TelegramUpdate.objects.create(
        update_id=5, payload={"message": {"text": "/x"}}, trace_id="t"
    ),
    Market: make_market,
    LastMark: lambda: LastMark.objects.create(
        price_symbol="ETH/USD", price=3000, uncertainty=Decimal("0.0001"), as_of=clock.now(), updated_at=clock.now()
    ),
    ConsensusLoss: lambda: ConsensusLoss.objects.create(
        price_symbol="ETH/USD",
        reason="vetoed",
        began_at=clock.now(),
        excluded=[{"source": "coingecko", "reason": "outlier"}, "nonsense", {}],
    ),
    VenueAlarm: lambda: VenueAlarm.objects.create(kind="books", subject="trader 1", detail="a trade that nobody knows"),
    VenueIdentity: lambda: VenueIdentity.objects.create(
        address="https://venue.example", chain_id=8453, trading_router="0x" + "1" * 40
    ),
    InvariantBreach: lambda: InvariantBreach.objects.create(
        code="ledger_sums_to_zero", subject="fill:1", detail="sums to 1"
    ),
    Alert: lambda: Alert.objects.create(kind=Alert.Kind.PRICE_STREAM, began_at=clock.now()),
    PreflightRun: lambda: checked("red"),
    RiskPolicy: lambda: make_policy("Careful", max_leverage=Decimal(20)),
    TradingStateChange: lambda: trading_state.change(TradingState.REDUCING, actor="test", reason="drill"),
    ExecutionModeChange: lambda: execution_mode.change(execution_mode.ExecutionMode.DRY, actor="test", reason="drill"),
    CanaryCapChange: lambda: canary_cap.change(Decimal(100), actor="test", reason="drill"),
    EnvironmentLimits: check_in.check_in,
    AuditEntry: lambda: (
        trading_state.change(TradingState.HALTED, actor="test", reason="drill"),
        AuditEntry.objects.latest("seq"),
    )[1],
    User: lambda: User.objects.create_user("clerk"),
    Group: lambda: Group.objects.create(name="Clerks"),
}
EDITABLE = {Trader, RiskPolicy, User}
ADDABLE = {RiskPolicy, User}
every_page = pytest.mark.parametrize("model", list(ROWS), ids=lambda model: model.__name__)


def address(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_this_walk_knows_every_page_of_the_admin() -> None:
    assert set(ROWS) == set(admin.site._registry)


@every_page
def test_the_list_and_a_row_of_it_open(admin_client: Client, model: type[models.Model]) -> None:
    row = ROWS[model]()

    listed = admin_client.get(address(model, "changelist"))
    shown = admin_client.get(address(model, "change", row.pk))

    assert listed.status_code == shown.status_code == 200
    assert "Traceback" not in shown.content.decode()


@every_page
def test_searching_for_anything_finds_or_does_not_but_answers(admin_client: Client, model: type[models.Model]) -> None:
    for words in ("1", "trader", "ETH", "\N{BLACK CHESS KNIGHT} %_'\"", "9" * 40):
        assert admin_client.get(address(model, "changelist"), {"q": words}).status_code == 200


@every_page
def test_only_services_write_what_is_not_for_people(admin_client: Client, model: type[models.Model]) -> None:
    row = ROWS[model]()

    added = admin_client.get(address(model, "add")).status_code
    saved = admin_client.post(address(model, "change", row.pk), {}).status_code
    deleted = admin_client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code

    assert added == (200 if model in ADDABLE else 403)
    assert (saved == 403) is (model not in EDITABLE)
    assert deleted == 403


@every_page
def test_nobody_and_people_without_permission_see_nothing(client: Client, model: type[models.Model]) -> None:
    assert client.get(address(model, "changelist")).status_code == 302
    log_in(client, make_user("clerk2"))

    assert client.get(address(model, "changelist")).status_code == 403


def test_orders_are_found_by_number_trader_and_trace_id(admin_client: Client) -> None:
    # The other's name has no number in it that could be the order's.
    order, other = make_order(trader=make_trader(username="ada")), make_order(trader=make_trader(**NAMELESS))

    for words in (str(order.pk), "ada", order.trace_id):
        html = admin_client.get(address(Order, "changelist"), {"q": words}).content.decode()
        assert address(Order, "change", order.pk) in html
        assert address(Order, "change", other.pk) not in html


def test_a_loss_tells_how_long_it_has_lasted_and_whose_quotes_did_not_count(admin_client: Client) -> None:
    loss = ROWS[ConsensusLoss]()
    ConsensusLoss.objects.update(began_at=clock.now() - timedelta(minutes=7))

    for page in (address(ConsensusLoss, "changelist"), address(ConsensusLoss, "change", loss.pk)):
        html = admin_client.get(page).content.decode()
        assert "7 min" in html
        assert "coingecko: outlier" in html
    lost = admin_client.get(address(ConsensusLoss, "changelist"), {"ended_at__isempty": "1"}).content.decode()
    assert "and goes on" in lost


def test_an_orders_page_tells_its_whole_story(admin_client: Client) -> None:
    order = filled_order()

    html = admin_client.get(address(Order, "change", order.pk)).content.decode()

    for told in (
        "DRAFT → APPROVED",
        "SUBMITTING → FILLED",
        f"paper-{order.pk}",
        "Attempt 1 answered",
        "account risk",
        "0.000301",
        "collateral of open positions",
        "sendMessage",
        order.trace_id,
    ):
        assert told in html, told


def test_the_ledger_says_what_all_its_entries_sum_to(admin_client: Client) -> None:
    filled_order()

    html = " ".join(admin_client.get(address(LedgerTransaction, "changelist")).content.decode().split())

    assert "All entries of the ledger sum to" in html
    assert ">0 USDC</strong> in DRY and" in html
    assert ">0 USDC</strong> in LIVE." in html


def test_a_denied_order_says_what_would_pass(admin_client: Client) -> None:
    denial = {"code": "account_risk", "measured": "1500.000000", "limit": "1000.000000", "max_collateral_usd": "1000"}
    check = {"code": "account_risk", "passed": False, "measured": "1500.000000", "limit": "1000.000000"}
    order = make_order(state="DENIED", decision={"checks": [check], "denials": [denial]})

    html = admin_client.get(address(Order, "change", order.pk)).content.decode()

    assert "collateral up to 1,000 USDC" in html


def test_an_order_that_does_not_exist_is_no_error(admin_client: Client) -> None:
    assert admin_client.get(address(Order, "change", 10**9)).status_code == 302
    assert admin_client.get(address(Order, "change", "nonsense")).status_code == 302


def test_disabling_a_trader_leaves_an_audit_entry(admin_client: Client, admin_user: User) -> None:
    trader = make_trader()
    policy = make_policy("Careful")

    answer = admin_client.post(address(Trader, "change", trader.pk), inlines({"policy": policy.pk}))

    assert answer.status_code == 302
    trader.refresh_from_db()
    assert (trader.is_active, trader.policy) == (False, policy)
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor, entry.subject) == (f"admin:{admin_user.get_username()}", f"trader:{trader.pk}")
    assert entry.before == {"is_active": True, "policy": None}
    assert entry.after == {"is_active": False, "policy": "Careful"}


def test_nothing_else_of_a_trader_can_be_posted(admin_client: Client) -> None:
    trader = make_trader()

    admin_client.post(
        address(Trader, "change", trader.pk), inlines({"is_active": "on", "telegram_id": 1, "execution_mode": "LIVE"})
    )

    trader.refresh_from_db()
    assert trader.telegram_id != 1
    assert trader.execution_mode == "DRY"
    assert not AuditEntry.objects.exists()


def inlines(changes: dict[str, object]) -> dict[str, object]:
    """A trader's form as the page posts it, with the management forms of what it lists below."""
    numbers = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}
    listed = ("accounts", "positions", "panics")
    forms = {f"{prefix}-{name}": value for prefix in listed for name, value in numbers.items()}
    return {**forms, **changes}


def test_whoever_logs_in_without_having_been_sent_there_sees_the_dashboard(client: Client) -> None:
    User.objects.create_superuser("root", password="a-long-enough-word")
    answer = client.post("/admin/login/", {"username": "root", "password": "a-long-enough-word"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_traders_who_have_stopped_themselves_are_seen_and_found(admin_client: Client) -> None:
    trader, other = make_trader(first_name="Ada"), make_trader(first_name="Grace")
    panics.stop_entries(trader=trader, origin=Origin())

    found = admin_client.get(address(Trader, "changelist"), {"panic__isempty": "0"}).content.decode()
    page = admin_client.get(address(Trader, "change", trader.pk)).content.decode()

    assert "stopped by trader" in found
    assert (trader.first_name in found, other.first_name in found) == (True, False)
    assert "entries stopped" in page.lower()
