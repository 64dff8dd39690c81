"""What every answer tells the browser: nothing inline runs, nothing comes from elsewhere; only the admin evaluates."""

import re
from pathlib import Path

import pytest
import unfold
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db
UNFOLD = Path(unfold.__file__).parent / "templates"
OURS = Path(__file__).resolve().parents[2] / "adminpanel" / "templates"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|\son(?:click|change|load|submit|input)=|javascript:")


def policy(client: Client, address: str) -> dict[str, str]:
    header = client.get(address)["Content-Security-Policy"]
    parts = (part.strip().partition(" ") for part in header.split(";"))
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize("address", ["/", "/healthz", "/metrics", "/nonsense"])
def test_nothing_inline_and_nothing_from_elsewhere_runs(client: Client, address: str) -> None:
    told = policy(client, address)
    assert told["default-src"] == told["frame-ancestors"] == told["base-uri"] == "'none'"
    assert told["script-src"] == told["style-src"] == told["connect-src"] == told["form-action"] == "'self'"


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/nonsense/", "/admin/trading/order/"])
def test_under_admin_unfold_may_evaluate_but_no_script_stands_in_a_page(admin_client: Client, address: str) -> None:
    told = policy(admin_client, address)
    assert told["script-src"] == "'self' 'unsafe-eval'"
    assert told["style-src"] == "'self' 'unsafe-inline'"
    assert told["default-src"] == "'none'"


def test_the_wallets_page_keeps_its_own_policy(client: Client) -> None:
    told = policy(client, "/connect/nonsense/")
    assert told["script-src"] == told["style-src"] == "'self'"
    assert told["form-action"] == "'none'"


def test_other_headers_are_set_everywhere(client: Client) -> None:
    answer = client.get("/admin/login/")
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize(("seconds", "header"), [(0, None), (31536000, "max-age=31536000")])
def test_https_is_insisted_on_where_the_settings_say_so(
    client: Client, settings: Settings, seconds: int, header: str | None
) -> None:
    settings.SECURE_HSTS_SECONDS = seconds
    assert Client().get("/", secure=True).get("Strict-Transport-Security") == header


def test_no_template_has_a_script_of_its_own() -> None:
    with_scripts = [
        f"{path.name}: {found[0]}"
        for folder in (OURS, UNFOLD / "admin", UNFOLD / "unfold", UNFOLD / "registration")
        for path in folder.rglob("*.html")
        if (found := INLINE.search(path.read_text()))
    ]
    assert with_scripts == []
