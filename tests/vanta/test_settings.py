"""What the settings are when nobody sets them, and what stops the start. Each case is a fresh interpreter."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from vanta.supervision.environment import new_key_encryption_key

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULTS = {
    "ENVIRONMENT": "development",
    "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]"],
    "PUBLIC_BASE_URL": "http://127.0.0.1:8080",
    "PORT": 8080,
    "HEALTH_PORT": 8080,
    "CORS_ALLOWED_ORIGINS": [],
    "SESSION_COOKIE_AGE": 8 * 3600,
    "LOG_IN_LOCK_MINUTES": 15,
    "SECURE_HSTS_SECONDS": 0,
    "TELEGRAM_BOT_TOKEN": "",
    "TELEGRAM_WEBHOOK_SECRET": "",
    "TELEGRAM_API_BASE_URL": "https://api.telegram.org/bot",
    "ADMIN_USER_IDS": [],
    "SUPER_ADMIN_IDS": [],
    "ALERT_REPEAT_MINUTES": 15,
    "MAX_POSITION_SIZE_USD": "100000",
    "MAX_ACCOUNT_RISK_PCT": "0.10",
    "MAX_LEVERAGE": "500",
    "LIQUIDATION_BUFFER_PCT": "0.05",
    "MAX_DAILY_LOSS_PCT": "0.20",
    "OPENS_PER_MINUTE": 5,
    "TRADES_PER_DAY": 50,
    "HOURLY_VOLUME_USD": "10000",
    "DAILY_VOLUME_USD": "50000",
    "COOLDOWN_MINUTES": 0,
    "DRAWDOWN_PCT": "0",
    "DRAWDOWN_DAYS": 0,
    "MARKET_STOPS": 0,
    "MARKET_STOPS_HOURS": 0,
    "TELEGRAM_MESSAGES_PER_MINUTE": 30,
    "MAX_SLIPPAGE_PCT": "0.001",
    "DRAFT_VALID_S": 30,
    "DRAFT_MAX_DRIFT_PCT": "0.002",
    "INTENT_VALID_S": 45,
    "PRICE_MAX_AGE_S": "5",
    "PRICE_MAX_DEVIATION_PCT": "0.005",
    "PRICE_MAX_UNCERTAINTY_SHARE": "0.25",
    "COINGECKO_BASE_URL": "https://api.coingecko.com/api/v3",
    "COINGECKO_API_KEY": "",
    "VERANTA_API_BASE_URL": "https://prod-api.veranta.xyz",
    "VERANTA_TX_BUILDER_URL": "https://tx-builder.veranta.xyz",
    "VERANTA_FEED_URL": "https://feed-v3.veranta.xyz",
    "VERANTA_HISTORY_API_URL": "https://api.veranta.xyz",
    "BASE_RPC_URL": "https://mainnet.base.org",
    "BLOCK_MAX_AGE_S": 60,
    "SANDBOX_URL": "",
    "DEFAULT_EXECUTION_MODE": "DRY",
    "CANARY_MAX_NOTIONAL_USD": "500",
    "REQUIRE_SECOND_APPROVER": False,
    "DRY_STARTING_BALANCE_USD": "10000",
    "KEY_ENCRYPTION_KEYS": "",
    "HEALTH_CRITICAL": ["database", "redis", "broker", "workers", "feeds"],
    "HEALTH_TOKEN": "",
    "TRUST_PROXY_HEADERS": False,
    "SECURE_PROXY_SSL_HEADER": None,
    "FLOWER_BASIC_AUTH": "",
    "FLOWER_URL": "http://127.0.0.1:5555/flower/",
    "DB_STATEMENT_TIMEOUT_S": 30,
    "DB_LOCK_TIMEOUT_S": 10,
    "DB_IDLE_TRANSACTION_TIMEOUT_S": 30,
    "PROMETHEUS_MULTIPROC_DIR": "",
    "LOG_JSON": True,
    "LOG_LEVEL": "INFO",
}
PRINT = """
import json, sys
from vanta import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def load(tmp_path: Path, *names: str, script: str = PRINT, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "VANTA_STATE_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "-c", script, *names], cwd=CHECKOUT, env=clean, capture_output=True, text=True, check=False
    )


def production() -> dict[str, str]:
    """All that production asks for."""
    made = ("SECRET_KEY", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "AUDIT_HMAC_KEY", "FLOWER_BASIC_AUTH")
    return {
        "ENVIRONMENT": "production",
        "ALLOWED_HOSTS": "vanta.example",
        "PUBLIC_BASE_URL": "https://vanta.example/",
        "DATABASE_URL": "postgres://db.example/vanta",
        "REDIS_URL": "redis://redis.example/1",
        "CELERY_BROKER_URL": "redis://redis.example/0",
        **{name: "operator:" + secrets.token_urlsafe(24) for name in made},
    }


@pytest.mark.skipif((CHECKOUT / ".env").exists(), reason="a .env of this checkout sets values")
def test_every_default_is_the_documented_one(tmp_path: Path) -> None:
    assert json.loads(load(tmp_path, *DEFAULTS).stdout) == DEFAULTS


def test_a_blank_value_counts_as_none_so_that_the_example_can_be_copied(tmp_path: Path) -> None:
    result = load(tmp_path, "PORT", "MAX_LEVERAGE", "PUBLIC_BASE_URL", PORT="", MAX_LEVERAGE="", PUBLIC_BASE_URL="")
    assert json.loads(result.stdout) == {name: DEFAULTS[name] for name in ("PORT", "MAX_LEVERAGE", "PUBLIC_BASE_URL")}


def test_a_secret_can_be_read_from_a_file(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text("12345:from-a-file\n")
    result = load(tmp_path, "TELEGRAM_BOT_TOKEN", TELEGRAM_BOT_TOKEN_FILE=str(kept))
    assert json.loads(result.stdout) == {"TELEGRAM_BOT_TOKEN": "12345:from-a-file"}


def test_a_percentage_above_one_stops_the_start_and_says_what_is_meant(tmp_path: Path) -> None:
    result = load(tmp_path, MAX_DAILY_LOSS_PCT="20")
    assert result.returncode != 0
    assert "MAX_DAILY_LOSS_PCT=20" in result.stderr
    assert "0.10 means 10 %" in result.stderr


def test_live_from_the_environment_stops_the_start_and_says_where_to_switch(tmp_path: Path) -> None:
    result = load(tmp_path, DEFAULT_EXECUTION_MODE="LIVE")
    assert result.returncode != 0
    assert "switch in the admin site" in result.stderr


def test_production_names_everything_that_is_missing_or_unsafe_at_once(tmp_path: Path) -> None:
    result = load(
        tmp_path,
        ENVIRONMENT="production",
        SECRET_KEY="short",
        SANDBOX_URL="http://127.0.0.1:1",
        PUBLIC_BASE_URL="http://example.org",
    )
    assert result.returncode != 0
    for problem in (
        "SECRET_KEY is shorter",
        "DATABASE_URL is missing",
        "REDIS_URL is missing",
        "TELEGRAM_WEBHOOK_SECRET is missing",
        "AUDIT_HMAC_KEY is missing",
        "FLOWER_BASIC_AUTH is missing",
        "SANDBOX_URL must not be set",
        "must begin with https://",
    ):
        assert problem in result.stderr


def test_production_starts_with_all_that_it_asks_for_and_believes_no_proxy_unless_told(tmp_path: Path) -> None:
    names = (
        "PRODUCTION",
        "SECURE_PROXY_SSL_HEADER",
        "CSRF_TRUSTED_ORIGINS",
        "SESSION_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
    )

    plain = json.loads(load(tmp_path, *names, **production()).stdout)
    behind_proxy = json.loads(load(tmp_path, *names, **production(), TRUST_PROXY_HEADERS="true").stdout)

    assert plain == {
        "PRODUCTION": True,
        "SECURE_PROXY_SSL_HEADER": None,
        "CSRF_TRUSTED_ORIGINS": ["https://vanta.example"],
        "SESSION_COOKIE_SECURE": True,
        "SECURE_HSTS_SECONDS": 365 * 24 * 3600,
    }
    assert behind_proxy["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_flower_finds_its_log_in_in_the_process_environment_however_it_was_given(tmp_path: Path) -> None:
    given = production()
    kept = tmp_path / "flower"
    kept.write_text(given.pop("FLOWER_BASIC_AUTH") + "\n")
    script = "import os; from vanta import settings; print(os.environ['FLOWER_BASIC_AUTH'])"

    result = load(tmp_path, script=script, FLOWER_BASIC_AUTH_FILE=str(kept), **given)

    assert result.stdout == kept.read_text()


SIGNING = {"VANTA_ROLE": "signing"}
KEYS = new_key_encryption_key("now")


def test_only_the_signing_process_sees_the_keys_that_encrypt_delegate_keys(tmp_path: Path) -> None:
    name = "KEY_ENCRYPTION_KEYS"

    assert json.loads(load(tmp_path, name, **{name: KEYS}, **SIGNING).stdout) == {name: KEYS}
    assert json.loads(load(tmp_path, name, **{name: KEYS}).stdout) == {name: ""}


@pytest.mark.parametrize("role", ["", "signing"])
def test_not_even_where_they_stand_in_a_file_that_all_processes_read(tmp_path: Path, role: str) -> None:
    """`run.env` stands for `.env` here, which belongs to the checkout; both are read by the same code."""
    (tmp_path / "run.env").write_text(f"KEY_ENCRYPTION_KEYS={KEYS}\nVANTA_ROLE=signing\n")
    script = "from vanta import settings as s; print(s.KEY_ENCRYPTION_KEYS, 'KEY_ENCRYPTION_KEYS' in s.env.ENVIRON)"

    seen = load(tmp_path, script=script, VANTA_ROLE=role).stdout.split()

    assert seen == ([KEYS, "True"] if role else ["False"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "it is missing"),
        ({"KEY_ENCRYPTION_KEYS": "first:c2hvcnQ="}, "the key first is not 32 bytes"),
        ({"KEY_ENCRYPTION_KEYS": KEYS, "VERANTA_PRIVATE_KEY": "0x1"}, "VERANTA_PRIVATE_KEY must not be set"),
        ({"KEY_ENCRYPTION_KEYS": KEYS, "AVANTIS_TRADER_ADDRESS": "0x1"}, "AVANTIS_TRADER_ADDRESS must not be set"),
    ],
)
def test_the_signing_worker_does_not_start_unfit_and_says_why(tmp_path: Path, given: dict[str, str], said: str) -> None:
    result = load(tmp_path, **given, **SIGNING)

    assert result.returncode != 0
    assert said in result.stderr
    assert KEYS not in result.stderr
    assert load(tmp_path, **given).returncode == 0
