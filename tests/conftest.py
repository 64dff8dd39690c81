"""One embedded PostgreSQL and Redis for a whole test run, shared by its xdist workers.

Every worker has its own database (pytest-django's suffix) and its own pair of Redis databases.
"""

import importlib
import os
import secrets
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import hypothesis
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.test.utils import setup_databases
from django.utils.functional import empty
from pytest_django import DjangoDbBlocker, Settings

from tests.access import logged_in
from vanta import redis as application_redis
from vanta.devservices import DevServices
from vanta.embedded.host import free_port

services_key = pytest.StashKey[DevServices]()
LONG = ("long", "crash", "browser", "processes")
LONG_PROFILE = "long"  # pytest --hypothesis-profile=long: as many examples as minutes allow
hypothesis.settings.register_profile(LONG_PROFILE, max_examples=150, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        services = config.stash[services_key] = DevServices.temporary().start()
        os.environ.update(services.environment() | _secrets() | {"VANTA_STATE_DIR": str(services.state_dir)})
    else:
        pair = 2 * (int(worker.removeprefix("gw")) + 1)
        os.environ["CELERY_BROKER_URL"] = _with_database(os.environ["CELERY_BROKER_URL"], pair)
        os.environ["REDIS_URL"] = _with_database(os.environ["REDIS_URL"], pair + 1)
    _read_settings_again()


def pytest_unconfigure(config: pytest.Config) -> None:
    if services := config.stash.get(services_key, None):
        services.remove()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first, so that none is left over for one worker while the other has nothing to do."""
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in LONG))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """The worker's database, whoever asks for it: pytest-django's own makes none for a module's fixtures alone.

    Nobody deletes it: the server goes with the run.
    """
    with django_db_blocker.unblock():
        setup_databases(verbosity=0, interactive=False)


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """A test that uses the database starts with empty Redis databases of its own."""
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        empty_redis()


def empty_redis() -> None:
    """Both databases of this worker."""
    for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL):
        with redis.Redis.from_url(url) as client:
            client.flushdb()


@pytest.fixture
def admin_user(db: None) -> User:
    """In place of pytest-django's: without a password, which takes long to make and nobody types."""
    return User.objects.create_user("admin", is_staff=True, is_superuser=True)


@pytest.fixture
def admin_client(admin_user: User) -> Client:
    """In place of pytest-django's: one that gave a code as well."""
    return logged_in(admin_user)


@pytest.fixture
def redis_down(settings: Settings) -> Iterator[None]:
    """The application's Redis is at a port where nobody listens."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/1"
    application_redis.client.cache_clear()
    yield
    application_redis.client.cache_clear()


def _read_settings_again() -> None:
    """pytest-django has read the settings before any conftest: before the servers had ports."""
    importlib.reload(sys.modules[settings.SETTINGS_MODULE])
    settings._wrapped = empty
    importlib.reload(sys.modules["axes.conf"])  # it writes its defaults into Django's settings
    for connection in connections.all(initialized_only=True):
        del connections[connection.alias]
    vars(connections).pop("settings", None)
    vars(connections)["_settings"] = None


def _with_database(url: str, database: int) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _secrets() -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "AUDIT_HMAC_KEY": secrets.token_urlsafe(32),
        "TELEGRAM_BOT_TOKEN": f"{secrets.randbelow(10**9)}:{secrets.token_hex(16)}",
        "TELEGRAM_WEBHOOK_SECRET": secrets.token_urlsafe(32),
    }
