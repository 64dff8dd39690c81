"""One running Vanta for all tests of this package; each test leaves it whole, or the next one repairs it."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.trading.processes.system import System
from vanta.devservices import DevServices


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[System]:
    """Every process of the Procfile but Flower, and the sandbox, on servers of this package's own."""
    services = DevServices.temporary().start()
    try:
        with django_db_blocker.unblock():
            system = System(services, tmp_path_factory.mktemp("logs"))
        with system.stack:
            with django_db_blocker.unblock():
                system.learn_markets()
            yield system
    finally:
        services.remove()


@pytest.fixture
def vanta(running: System, django_db_blocker: DjangoDbBlocker) -> Iterator[System]:
    """The running system, whole; the models are its own."""
    with django_db_blocker.unblock(), running.connected():
        running.make_whole()
        yield running
