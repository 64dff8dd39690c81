"""No page or action of the admin is open to a role that should not have it: all of them, as everybody, both ways.

The pages come from the URL resolver and the registry. One that has no row in the tables below fails this test, so that
whoever adds a page says who may open it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, models
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.groups import Role
from risk.models import RiskPolicy
from tests.access import logged_in, make_user
from tests.adminpanel.test_admin_pages import ROWS, address
from trading.models import Trader

pytestmark = pytest.mark.django_db
NOBODY, STAFF, ADMIN, SUPER_ADMIN = range(4)
WHO = ("nobody", "staff", "Admin", "Super admin")
Statuses = tuple[int, int, int, int]  # in the order of WHO
Row = tuple[Statuses, Statuses]  # of GET and of an empty POST
LOG_IN, NO, OK, SAVED = 302, 403, 200, 302
SHUT: Statuses = (LOG_IN, NO, NO, NO)
SEEN: Statuses = (LOG_IN, NO, OK, OK)
GONE: Statuses = (LOG_IN, 404, 404, 404)
NOT_POSTED: Statuses = (LOG_IN, 405, 405, 405)
OWN: Statuses = (LOG_IN, OK, OK, OK)

# What can be done with the rows of a model beside seeing them: by page, who may open it.
CHANGED_BY: dict[Any, dict[str, Statuses]] = {
    Trader: {"change": SEEN},
    RiskPolicy: {"change": SEEN, "add": SEEN},
    User: {"change": (LOG_IN, NO, NO, OK), "add": (LOG_IN, NO, NO, OK)},
}
# Pages that belong to no model, by their name.
PAGES: dict[str, Row] = {
    "admin:index": (SEEN, SEEN),
    "admin:login": ((OK, 302, 302, 302), (OK, OK, OK, OK)),
    "admin:logout": ((302, 405, 405, 405), (302, OK, OK, OK)),
    "admin:enrol": ((LOG_IN, 302, 302, 302), (LOG_IN, 302, 302, 302)),  # they have a device
    "admin:access": (OWN, (LOG_IN, SAVED, SAVED, SAVED)),
    "admin:password_change": (OWN, OWN),
    "admin:password_change_done": (OWN, NOT_POSTED),
    "admin:jsi18n": (OWN, NOT_POSTED),  # words for dates, no more
    "admin:search": (OWN, OWN),  # finds pages that one may open
    "admin:autocomplete": (SHUT, NOT_POSTED),  # of a field that must be named
    "admin:view_on_site": (GONE, GONE),
    "admin:app_list": ((LOG_IN, 404, OK, OK), (LOG_IN, 404, OK, OK)),
    "admin:catch_all": (GONE, GONE),
    "dashboard-live": ((NO, NO, OK, OK), (405, 405, 405, 405)),
    "audit-export": (SEEN, SEEN),
    "feeds": (SEEN, NOT_POSTED),
    "feeds-table": ((NO, NO, OK, OK), (405, 405, 405, 405)),
    "limits": (SEEN, NOT_POSTED),
    "controls": (SEEN, NOT_POSTED),
    "controls-stop": (NOT_POSTED, (LOG_IN, NO, 400, 400)),  # in one step, but not without saying which
    "controls-switch": (NOT_POSTED, (LOG_IN, NO, NO, OK)),
}
ENDS_THE_SESSION = {"admin:logout", "admin:access"}
ARGUMENTS = {"name": "resume", "app_label": "trading", "content_type_id": 1, "object_id": 1, "url": "nonsense/"}
# What a log-in writes, and nobody else does.
OF_SESSIONS = ("django_session", "axes_")


@dataclass(frozen=True)
class Page:
    name: str
    url: str
    expected: Row


def test_every_page_is_open_to_whom_it_should_be_and_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")  # who may see a page, not what is on it
    rows = {model: make() for model, make in ROWS.items()}
    pages = sorted(admin_pages(rows), key=lambda page: page.name in ENDS_THE_SESSION)
    users = [None, make_user("plain"), make_user("grace", Role.ADMIN), make_user("ada", Role.SUPER_ADMIN)]
    clients = [logged_in(user) if user else Client() for user in users]
    wrong = []
    for page in pages:
        for who, user in enumerate(users):
            client = logged_in(user) if user and page.name in ENDS_THE_SESSION else clients[who]
            wrong += list(visit(page, who, client))
    assert wrong == [], "\n" + "\n".join(wrong)
    assert len(pages) > 5 * len(admin.site._registry)


def visit(page: Page, who: int, client: Client) -> Iterator[str]:
    """What does not go as it should, in words."""
    for method, statuses in zip(("get", "post"), page.expected, strict=True):
        with Written() as written:
            answer = getattr(client, method)(page.url)
        if answer.status_code != statuses[who]:
            yield f"{method} {page.url} ({page.name}) as {WHO[who]}: {answer.status_code}, not {statuses[who]}"
        if written.statements and page.name not in ENDS_THE_SESSION:
            yield f"{method} {page.url} as {WHO[who]} writes: {written.statements[0][:80]}"


class Written:
    """The statements that would change something, but for those of sessions."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __enter__(self) -> "Written":
        self._wrapper = connection.execute_wrapper(self._note)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._wrapper.__exit__(*error)

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and not any(table in sql for table in OF_SESSIONS):
            self.statements.append(sql)
        return execute(sql, params, many, context)


def admin_pages(rows: dict[type[models.Model], Any]) -> Iterator[Page]:
    """Every address under /admin/ that the resolver knows, with a row's number where it takes one."""
    expected, missing = expectations(), []
    for name, converters in patterns():
        base = name.partition("/")[0]
        if base not in expected:
            missing.append(name)
            continue
        row, model = expected[base]
        arguments = {key: rows[model].pk if model else ARGUMENTS[key] for key in converters}
        yield Page(name, reverse(base, kwargs=arguments) if base != "admin:catch_all" else "/admin/nonsense/", row)
    assert missing == [], f"who may open these? {missing}"


def patterns() -> Iterator[tuple[str, list[str]]]:
    """Names of all addresses under /admin/, and what each takes."""
    for pattern in get_resolver().url_patterns:
        if not str(pattern.pattern).startswith("admin/"):
            continue
        if isinstance(pattern, URLPattern):
            yield str(pattern.name), list(pattern.pattern.converters)
        else:
            yield from _below(pattern, "admin:")


def _below(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, list[str]]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _below(pattern, namespace)
        elif pattern.name is None and "RedirectView" in str(pattern.callback):
            continue  # an old address of a row, which leads to its present one
        else:
            groups = list(pattern.pattern.converters) or list(pattern.pattern.regex.groupindex)
            yield namespace + (pattern.name or "catch_all"), groups


def expectations() -> dict[str, tuple[Row, type[models.Model] | None]]:
    """By name, who may open a page, and whose row it is about."""
    told: dict[str, tuple[Row, type[models.Model] | None]] = {name: (row, None) for name, row in PAGES.items()}
    for model in admin.site._registry:
        changes = CHANGED_BY.get(model, {})
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        told[f"{name}_changelist"] = ((SEEN, SEEN), model)
        told[f"{name}_history"] = ((SEEN, SEEN), model)
        told[f"{name}_delete"] = ((SHUT, SHUT), model)
        told[f"{name}_add"] = ((changes.get("add", SHUT), changes.get("add", SHUT)), model)
        told[f"{name}_change"] = ((SEEN, changes.get("change", SHUT)), model)
    return told


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
def test_there_are_no_actions_on_several_rows_and_none_beside_the_pages(role: Role) -> None:
    request = RequestFactory().get("/admin/")
    request.user = make_user("somebody", role)
    for page in admin.site._registry.values():
        assert page.get_actions(request) == {}, page
        kinds = ("actions_list", "actions_row", "actions_detail", "actions_submit_line")
        assert not any(getattr(page, kind) for kind in kinds), page
        assert not getattr(page, "list_editable", ()), page


def test_pages_that_are_not_in_the_table_of_changes_are_read_only() -> None:
    for model, page in admin.site._registry.items():
        assert isinstance(page, ReadOnlyAdmin) is (model not in CHANGED_BY), model
    assert address(Trader, "changelist") == "/admin/trading/trader/"
