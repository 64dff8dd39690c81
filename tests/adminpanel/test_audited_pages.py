"""What is changed in the admin leaves an entry in the audit log, field by field, whichever page it is changed on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.test import Client
from django.urls import reverse

from adminpanel.admin.base import AuditedAdmin, ReadOnlyAdmin
from adminpanel.groups import Role
from risk.models import RiskPolicy
from tests.access import code_for, logged_in, make_user
from tests.adminpanel.test_admin_pages import address, inlines
from tests.adminpanel.test_policy_pages import HISTORY
from tests.factories import make_policy, make_trader
from trading.models import Trader
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
# A row of each model that people change, what is posted of it, and what the entry says was and is.
Change = tuple[Callable[[], Any], dict[str, Any], dict[str, Any], dict[str, Any]]
CHANGES: dict[type[models.Model], Change] = {
    Trader: (make_trader, inlines({}), {"is_active": True}, {"is_active": False}),
    RiskPolicy: (
        lambda: make_policy("Careful", max_leverage=20),
        {"max_leverage": "10", **HISTORY},
        {"max_leverage": "20.00"},
        {"max_leverage": "10"},
    ),
    User: (
        lambda: make_user("clerk", Role.ADMIN),
        {"new_role": Role.ADMIN.value},
        {"is_active": True},
        {"is_active": False},
    ),
}


@pytest.fixture
def chief(db: None) -> User:
    return make_user("chief", Role.SUPER_ADMIN)


def test_every_page_that_changes_anything_is_audited_and_has_its_example_here() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, AuditedAdmin | ReadOnlyAdmin), model
        assert isinstance(page, AuditedAdmin) is (model in CHANGES), model


@pytest.mark.parametrize("model", list(CHANGES), ids=lambda model: model.__name__)
def test_a_change_leaves_who_did_it_what_was_what_is_and_why(chief: User, model: type[models.Model]) -> None:
    make, posted, before, after = CHANGES[model]
    row = make()
    answer = logged_in(chief).post(address(model, "change", row.pk), {"reason": "a test", **posted})
    assert answer.status_code == 302, answer.content.decode()
    entry = AuditEntry.objects.latest("seq")
    assert (entry.actor, entry.reason) == ("admin:chief", "a test")
    assert entry.subject.endswith(f":{row.pk}")
    assert before.items() <= (entry.before or {}).items()
    assert after.items() <= (entry.after or {}).items()


@pytest.mark.parametrize("model", [Trader, User], ids=lambda model: model.__name__)
def test_saving_a_page_without_a_change_leaves_none(chief: User, model: type[models.Model]) -> None:
    make, posted, _, _ = CHANGES[model]
    answer = logged_in(chief).post(address(model, "change", make().pk), {"reason": "why", "is_active": "on", **posted})
    assert answer.status_code == 302
    assert not AuditEntry.objects.exists()


def test_where_the_entry_cannot_be_written_nothing_is(chief: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("no entry")

    monkeypatch.setattr("vanta.audit.append", broken)
    trader = make_trader()
    with pytest.raises(RuntimeError):
        logged_in(chief).post(address(Trader, "change", trader.pk), inlines({}))
    trader.refresh_from_db()
    assert trader.is_active


def enabled(client: Client, trader: Trader, **values: Any) -> str:
    """What the page says; nothing where it was saved."""
    page = reverse("admin:trading_trader_change", args=[trader.pk])
    answer = client.post(page, inlines({"is_active": "on", **values}))
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_trader_is_disabled_in_one_step_and_enabled_by_a_super_admin_with_a_code(chief: User) -> None:
    trader = make_trader(is_active=False)
    clerk = make_user("clerk", Role.ADMIN)
    assert "Only a super admin enables" in enabled(logged_in(clerk), trader, reason="why", code=code_for(clerk))
    client = logged_in(chief)
    assert "This needs a code" in enabled(client, trader, reason="why")
    assert "This needs a reason" in enabled(client, trader, code=code_for(chief))
    assert enabled(client, trader, reason="why", code=code_for(chief)) == ""
    disabled = logged_in(clerk).post(address(Trader, "change", trader.pk), inlines({}))
    assert disabled.status_code == 302
    assert [entry.after for entry in AuditEntry.objects.order_by("seq")] == [{"is_active": True}, {"is_active": False}]
