"""Coming in: password and code, a device enrolled at first, a lock after five failures, an end to all sessions."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.second_factor import TRIES, code_at, device_of, device_to_enrol, step_now
from tests.access import code_for, enrolled, log_in, logged_in, make_user, use_again
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-word"
LOG_IN = "/admin/login/"


@pytest.fixture(autouse=True)
def _fast(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada(_fast: None, db: None) -> User:
    return make_user("ada", Role.SUPER_ADMIN, password=PASSWORD)


def give(client: Client, *, name: str = "ada", password: str = PASSWORD, code: str = "", **extra: Any) -> Any:
    sent = {"username": name, "password": password, "code": code}
    return client.post(LOG_IN, {**sent, **extra.pop("form", {})}, **extra)


def goes_to(answer: Any) -> str:
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def audited() -> list[str]:
    return list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))


def test_password_and_code_let_in_and_are_written_down(client: Client, ada: User) -> None:
    enrolled(ada)
    assert goes_to(give(client, code=code_for(ada))) == "/admin/"
    assert client.get("/admin/").status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("admin:ada", "log_in", f"user:{ada.pk}")
    assert entry.after == {"address": "127.0.0.1", "code": True}


def test_whoever_was_sent_to_the_log_in_gets_to_where_they_wanted(client: Client, ada: User) -> None:
    enrolled(ada)
    sent = goes_to(client.get("/admin/trading/order/"))
    assert sent == "/admin/login/?next=/admin/trading/order/"
    hidden = re.search(r'name="next" value="([^"]+)"', client.get(sent).content.decode())
    assert hidden is not None
    answer = give(client, code=code_for(ada), form={"next": hidden[1]})
    assert goes_to(answer) == "/admin/trading/order/"


@pytest.mark.parametrize(
    "wrong", [{"password": "another-long-word"}, {"code": ""}, {"code": "nonsense"}, {"name": "nobody"}]
)
def test_a_wrong_code_looks_like_a_wrong_password(client: Client, ada: User, wrong: dict[str, str]) -> None:
    enrolled(ada)
    html = give(client, **{"code": code_for(ada), **wrong}).content.decode()
    assert "Please enter the correct username and password" in html
    assert client.get("/admin/").status_code == 302


def test_a_code_lets_in_once(client: Client, ada: User) -> None:
    code = code_for(ada)
    give(client, code=code)
    assert give(Client(), code=code).status_code == 200


def test_without_a_device_nothing_is_open_but_its_enrolment(client: Client, ada: User) -> None:
    assert goes_to(give(client)) == "/admin/"
    for address in ("/admin/", "/admin/trading/trader/", "/admin/access/", "/admin/password_change/"):
        assert goes_to(client.get(address)).startswith(LOG_IN)
    assert goes_to(client.get(f"{LOG_IN}?next=/admin/trading/trader/")) == (
        "/admin/enrol/?next=%2Fadmin%2Ftrading%2Ftrader%2F"
    )
    assert goes_to(client.post("/admin/enrol/", {"leave": "1"})) == LOG_IN
    assert goes_to(client.get("/admin/enrol/")).startswith(LOG_IN)


def test_the_first_log_in_enrols_a_device(client: Client, ada: User) -> None:
    give(client)
    html = client.get("/admin/enrol/?next=/admin/trading/trader/").content.decode()
    device = device_to_enrol(ada)
    assert device.secret in html.replace(" ", "")
    assert "<svg" in html
    assert "That is not the code" in client.post("/admin/enrol/", {"code": "nonsense"}).content.decode()
    code = code_at(device.bin_key, step_now())
    answer = client.post("/admin/enrol/", {"code": code, "next": "/admin/trading/trader/"})
    assert goes_to(answer) == "/admin/trading/trader/"
    assert client.get("/admin/trading/trader/").status_code == 200
    assert audited() == ["log_in", "device.enrol"]
    assert give(Client(), code=code).status_code == 200, "the first code counted once, too"


def test_enrolment_is_for_those_who_have_no_device(client: Client, ada: User) -> None:
    assert goes_to(client.get("/admin/enrol/")).startswith(LOG_IN)
    device = enrolled(ada)
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")  # a password alone, in a session
    assert goes_to(client.get("/admin/enrol/?next=https://elsewhere.example/")) == "/admin/"
    assert goes_to(client.post("/admin/enrol/", {"code": "123456"})) == "/admin/"
    assert device_of(ada) == device
    assert client.get("/admin/").status_code == 302


def test_five_failures_lock_the_name_for_that_address_alone(client: Client, ada: User) -> None:
    enrolled(ada)
    for _ in range(4):
        assert give(client, password="wrong").status_code == 200
    assert give(client, password="wrong").status_code == 429
    locked = give(client, code=code_for(ada))
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert "15 minutes" in locked.content.decode()
    assert audited() == ["log_in.fail"] * 4 + ["log_in.lock"], "once, however often they go on"
    assert give(client, name="grace", password="wrong").status_code == 200
    assert give(Client(), code=code_for(ada), REMOTE_ADDR="203.0.113.7").status_code == 302


def test_wrong_codes_lock_like_wrong_passwords(client: Client, ada: User) -> None:
    enrolled(ada)
    statuses = [give(client, code="nonsense").status_code for _ in range(TRIES)]
    assert statuses == [200, 200, 200, 200, 429]
    assert sorted(audited()) == ["code.lock", *["log_in.fail"] * (TRIES - 1), "log_in.lock"]


def test_a_success_forgets_the_failures(client: Client, ada: User) -> None:
    enrolled(ada)
    for _ in range(2):
        assert [give(client, password="wrong").status_code for _ in range(4)] == [200] * 4
        use_again(ada)
        assert give(client, code=code_for(ada)).status_code == 302


@pytest.mark.parametrize(
    ("trusted", "forwarded", "locked"),
    [
        (True, "198.51.100.1, 203.0.113.7", False),  # the proxy names another client
        (True, "203.0.113.7, 198.51.100.9", True),  # what the client claims does not count
        (True, "nonsense", False),  # the proxy itself, then
        (False, "203.0.113.9", True),  # nobody is believed: all are one address
    ],
)
def test_a_proxy_is_believed_where_it_is_trusted(
    client: Client, ada: User, settings: Settings, trusted: bool, forwarded: str, locked: bool
) -> None:
    settings.TRUST_PROXY_HEADERS = trusted
    for _ in range(5):
        give(client, password="wrong", HTTP_X_FORWARDED_FOR="10.0.0.1, 198.51.100.9")
    assert (give(client, HTTP_X_FORWARDED_FOR=forwarded).status_code == 429) is locked


def test_a_session_ends_when_the_settings_say_however_much_it_is_used(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.SESSION_COOKIE_AGE = 3600
    enrolled(ada)
    give(client, code=code_for(ada))
    session = client.session
    ends = session.get_expiry_date()
    session["anything"] = "is written"
    session.save()
    assert client.session.get_expiry_date() == ends
    assert Session.objects.get().expire_date == ends
    assert 3500 < client.session.get_expiry_age() <= 3600


def test_all_of_ones_sessions_end_at_once(ada: User) -> None:
    here, there = logged_in(ada), logged_in(ada)
    other = logged_in(make_user("grace", Role.ADMIN))
    assert 'href="/admin/access/"' in here.get("/admin/").content.decode()
    assert "Super admin" in here.get("/admin/access/").content.decode()
    assert goes_to(here.post("/admin/access/")) == LOG_IN
    for client in (here, there):
        assert client.get("/admin/").status_code == 302
    assert other.get("/admin/").status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == ("log_out_everywhere", {"sessions": 2})


def test_a_new_password_of_ones_own_is_written_down_and_ends_other_sessions(client: Client, ada: User) -> None:
    log_in(client, ada)
    other = logged_in(ada)
    new = {"old_password": PASSWORD, "new_password1": "another-long-word", "new_password2": "another-long-word"}
    assert goes_to(client.post("/admin/password_change/", new)) == "/admin/password_change/done/"
    assert audited() == ["password.change"]
    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302
