"""A form that starts something: a reason, a fresh code, the right role, and a second super admin where that is set."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.starting_form import StartForm, start_fields
from tests.access import code_for, enrolled, make_user, use_again

pytestmark = pytest.mark.django_db


class ResumeForm(StartForm):
    permission = "start_trading"


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada", Role.SUPER_ADMIN)


@pytest.fixture
def grace(db: None) -> User:
    return make_user("grace", Role.SUPER_ADMIN)


@pytest.fixture
def two(settings: Settings) -> None:
    settings.REQUIRE_SECOND_APPROVER = True


def filled(user: User, **values: Any) -> ResumeForm:
    enrolled(user)
    return ResumeForm({"reason": "all is well", **values}, user=user)


def test_a_reason_and_a_fresh_code_are_enough_for_a_super_admin(ada: User) -> None:
    form = filled(ada, code=code_for(ada))
    assert form.is_valid()
    assert form.recorded_reason == "all is well"
    assert start_fields() == ("reason", "code")


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"reason": " "}, "reason", "required"),
        ({"code": ""}, "code", "needs a code"),
        ({"code": "000 00"}, "code", "That is not the code"),
    ],
)
def test_what_is_missing_or_wrong_is_said_where_it_is(ada: User, values: dict[str, str], field: str, told: str) -> None:
    form = filled(ada, **{"code": code_for(ada), **values})
    assert told in str(form.errors[field])


def test_a_code_is_not_used_up_where_something_else_is_wrong(ada: User) -> None:
    code = code_for(ada)
    assert not filled(ada, code=code, reason="").is_valid()
    assert filled(ada, code=code).is_valid()
    assert "used already" in str(filled(ada, code=code).errors["code"])


def test_an_admin_may_not_start_and_loses_no_code(db: None) -> None:
    clerk = make_user("clerk", Role.ADMIN)
    code = code_for(clerk)
    assert "Only a super admin" in str(filled(clerk, code=code).non_field_errors())
    assert enrolled(clerk).last_t == -1


def test_where_two_have_to_agree_the_second_is_named_in_the_reason(ada: User, grace: User, two: None) -> None:
    form = filled(ada, code=code_for(ada), approver="grace", approver_code=code_for(grace))
    assert form.is_valid(), form.errors
    assert form.approved_by == grace
    assert form.recorded_reason == "all is well (approved by admin:grace)"
    assert ("approver", "approver_code") in start_fields()


@pytest.mark.parametrize("approver", ["", "ada", "nobody", "clerk", "gone"])
def test_the_second_is_another_active_super_admin(ada: User, two: None, approver: str) -> None:
    others = [make_user("clerk", Role.ADMIN), make_user("gone", Role.SUPER_ADMIN, is_active=False)]
    codes = {user.username: code_for(user) for user in (*others, ada)}
    form = filled(ada, code=codes["ada"], approver=approver, approver_code=codes.get(approver, "123456"))
    assert "another super admin" in str(form.errors["approver"])
    assert enrolled(ada).last_t == -1


def test_the_first_code_is_kept_while_the_second_is_wrong(ada: User, grace: User, two: None) -> None:
    enrolled(grace)
    code = code_for(ada)
    wrong = filled(ada, code=code, approver="grace", approver_code="nonsense")
    assert "That is not the code" in str(wrong.errors["approver_code"])
    assert filled(ada, code=code, approver="grace", approver_code=code_for(grace)).is_valid()
    use_again(ada)
    missing = filled(ada, code=code_for(ada), approver="grace")
    assert "needs a code" in str(missing.errors["approver_code"])
