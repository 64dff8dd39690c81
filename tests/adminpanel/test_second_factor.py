"""A code counts once, five wrong ones lock the device for a while, and a copied row of the database makes none."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from adminpanel import second_factor
from adminpanel.groups import Role
from adminpanel.models import AdminDevice
from adminpanel.second_factor import (
    LOCKED_FOR,
    STEP_S,
    TRIES,
    CodeLocked,
    CodeUsed,
    CodeWrong,
    NoDevice,
    code_at,
    device_to_enrol,
    enrol,
    require_fresh_code,
    step_now,
    use_codes,
)
from tests.access import code_for, enrolled, make_user
from tests.trading.races import at_once
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
Later = Callable[[dt.timedelta], None]


@pytest.fixture
def ada(db: None) -> User:
    user = make_user("ada", Role.SUPER_ADMIN)
    enrolled(user)
    return user


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Time goes on when a test says so, and not before."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)

    def go_on(by: dt.timedelta) -> None:
        nonlocal now
        now += by

    return go_on


def code_of_step(user: User, offset: int) -> str:
    return code_at(enrolled(user).bin_key, step_now() + offset)


def wrong_for(user: User) -> str:
    right = {code_of_step(user, offset) for offset in range(-2, 3)}
    return next(guess for guess in ("000000", "111111", "222222", "333333", "444444", "555555") if guess not in right)


def fail(user: User, times: int) -> None:
    for _ in range(times):
        with pytest.raises(CodeWrong):
            require_fresh_code(user, wrong_for(user))


@pytest.mark.parametrize(("offset", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_count_from_half_a_minute_ago_to_half_a_minute_ahead(
    ada: User, later: Later, offset: int, counts: bool
) -> None:
    refused = use_codes({ada: code_of_step(ada, offset)})
    assert (refused == {}) is counts


def test_a_code_counts_once_and_earlier_ones_no_more(ada: User, later: Later) -> None:
    require_fresh_code(ada, code_of_step(ada, 0))
    for offset in (0, -1):
        with pytest.raises(CodeUsed):
            require_fresh_code(ada, code_of_step(ada, offset))
    require_fresh_code(ada, code_of_step(ada, 1))


def test_spaces_in_a_code_do_not_matter(ada: User) -> None:
    code = code_for(ada)
    require_fresh_code(ada, f" {code[:3]} {code[3:]} ")


@pytest.mark.parametrize("nonsense", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\0", "-00001"])
def test_nonsense_is_a_wrong_code(ada: User, nonsense: str) -> None:
    with pytest.raises(CodeWrong):
        require_fresh_code(ada, nonsense)


def test_five_wrong_codes_lock_also_the_right_one_until_the_lock_ends(ada: User, later: Later) -> None:
    fail(ada, TRIES)
    with pytest.raises(CodeLocked):
        require_fresh_code(ada, code_for(ada))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("admin:ada", "code.lock", f"user:{ada.pk}")
    later(LOCKED_FOR)
    require_fresh_code(ada, code_for(ada))


def test_after_a_lock_the_next_five_lock_again(ada: User, later: Later) -> None:
    fail(ada, TRIES)
    later(LOCKED_FOR)
    fail(ada, TRIES)
    with pytest.raises(CodeLocked):
        require_fresh_code(ada, code_for(ada))
    assert AuditEntry.objects.count() == 2


def test_a_right_code_forgets_the_wrong_ones(ada: User, later: Later) -> None:
    fail(ada, TRIES - 1)
    require_fresh_code(ada, code_for(ada))
    later(dt.timedelta(seconds=STEP_S))
    fail(ada, TRIES - 1)


def test_of_two_codes_none_is_used_up_where_one_is_wrong(ada: User, later: Later) -> None:
    grace = make_user("grace", Role.SUPER_ADMIN)
    right = code_for(grace)
    assert {user.username: type(error) for user, error in use_codes({ada: wrong_for(ada), grace: right}).items()} == {
        "ada": CodeWrong
    }
    assert use_codes({ada: code_for(ada), grace: right}) == {}


def test_nobody_has_a_code_without_a_device(db: None) -> None:
    with pytest.raises(NoDevice):
        require_fresh_code(make_user("grace"), "123456")


def test_a_device_counts_after_its_first_code_and_a_user_has_one(db: None) -> None:
    user = make_user("grace")
    waiting = device_to_enrol(user)
    assert device_to_enrol(user) == waiting
    with pytest.raises(CodeWrong):
        enrol(user, "nonsense")
    assert second_factor.device_of(user) is None
    assert enrol(user, code_at(waiting.bin_key, step_now())) == waiting
    assert AuditEntry.objects.get().action == "device.enrol"
    with pytest.raises(NoDevice):
        enrol(user, code_at(device_to_enrol(user).bin_key, step_now()))
    assert AdminDevice.objects.count() == 1


@pytest.mark.parametrize("differs", ["secret_key", "user"])
def test_a_row_alone_makes_no_codes(ada: User, settings: Settings, differs: str) -> None:
    device = enrolled(ada)
    before = device.bin_key
    if differs == "secret_key":
        settings.SECRET_KEY = "another one"
    else:
        device.user = make_user("grace")
    assert device.bin_key != before
    assert before not in (device.key.encode(), bytes.fromhex(device.key))


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_code_one_wins(transactional_db: None) -> None:
    user = make_user("ada")
    code, outcomes = code_for(user), list[int]()
    at_once(*[lambda: outcomes.append(len(use_codes({user: code})))] * 2)
    assert sorted(outcomes) == [0, 1]
