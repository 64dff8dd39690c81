"""Two admins, one of them a super admin as well."""

import pytest
from pytest_django import Settings

from feeds.price_terms import forget_price_terms
from tests.adminpanel.alerting import ADA, GRACE


@pytest.fixture
def admins(settings: Settings) -> list[int]:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [GRACE, ADA], [ADA]
    settings.PUBLIC_BASE_URL = "https://vanta.example/"
    return [ADA, GRACE]


@pytest.fixture(autouse=True)
def _fresh_terms() -> None:
    forget_price_terms()
