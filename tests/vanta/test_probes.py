"""Load balancers ask the health pages by address, not by name."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health"])
@pytest.mark.django_db
def test_a_probe_by_address_is_answered_though_the_name_is_not_ours(
    client: Client, settings: Settings, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["vanta.example"]
    assert client.get(path, headers={"host": "10.1.2.3:8080"}).status_code in (200, 503)


def test_any_other_page_keeps_to_its_names(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["vanta.example"]
    assert client.get("/metrics", headers={"host": "10.1.2.3:8080"}).status_code == 400


def test_a_probe_cannot_be_posted_to(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
