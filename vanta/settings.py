"""All settings. The only module that reads the environment; `env.example` explains every name.

Order of precedence: the process environment, `.env`, and, outside production, what `make run` wrote to `.vanta/`.
KEY_ENCRYPTION_KEYS exist for the process whose own environment has VANTA_ROLE=signing, and for no other.
"""

import os
from decimal import Decimal
from pathlib import Path

import environ
from environ.fileaware_mapping import FileAwareMapping

from adminpanel.access_settings import access_settings
from adminpanel.look import LOOK
from adminpanel.preflight.schedule import BEAT_SCHEDULE as PREFLIGHT_SCHEDULE
from adminpanel.schedule import BEAT_SCHEDULE as ADMINPANEL_SCHEDULE
from feeds.schedule import BEAT_SCHEDULE as FEEDS_SCHEDULE
from trading.keys.envelope import BadKeyring, Keyring
from trading.schedule import BEAT_SCHEDULE as TRADING_SCHEDULE
from vanta.composition import INSTALLED_APPS, MIDDLEWARE  # noqa: F401
from vanta.database import connection_options
from vanta.logging import logging_config
from vanta.preconditions import (
    SIGNING_ONLY,
    identity_variables,
    refuse_unfit_signer,
    refuse_unsafe_production,
    require_fraction,
)
from vanta.schedule import BEAT_SCHEDULE as VANTA_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
SIGNS = os.environ.get("VANTA_ROLE") == "signing"  # of the process itself, never of a file that processes share


class Variables(FileAwareMapping):  # type: ignore[misc]
    """The process environment and dotenv files; NAME_FILE stands for the file's content without its last newline."""

    def __getitem__(self, name: str) -> str:
        return str(super().__getitem__(name)).strip()

    def read(self, path: Path) -> None:
        """Add what `path` has and nothing before it had; a blank value counts as none."""
        if path.exists():
            Environment.read_env(path)
        hidden = () if SIGNS else SIGNING_ONLY
        for name in [name for name, value in self.env.items() if not value or name in hidden]:
            del self.env[name]


class Environment(environ.Env):  # type: ignore[misc]
    ENVIRON = Variables(env={name: value for name, value in os.environ.items() if value})


env = Environment()
Environment.ENVIRON.read(BASE_DIR / ".env")

ENVIRONMENT = env.str("ENVIRONMENT", default="development")
PRODUCTION = ENVIRONMENT == "production"
STATE_DIR = Path(env.str("VANTA_STATE_DIR", default=str(BASE_DIR / ".vanta")))
if not PRODUCTION:
    Environment.ENVIRON.read(STATE_DIR / "run.env")
    if SIGNS:
        Environment.ENVIRON.read(STATE_DIR / "secrets.env")


def decimal(name: str, default: str) -> Decimal:
    return Decimal(env.str(name, default=default))


# --- Web -------------------------------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="" if PRODUCTION else "development-only-key-never-used-in-production")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="http://127.0.0.1:8080")
PORT = env.int("PORT", default=8080)
HEALTH_PORT = env.int("HEALTH_PORT", default=8080)
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(healthz|readyz|health)$"
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL.rstrip("/")] if PUBLIC_BASE_URL.startswith("https://") else []
ROOT_URLCONF = "vanta.urls"
WSGI_APPLICATION = "vanta.wsgi.application"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
TRUST_PROXY_HEADERS = env.bool("TRUST_PROXY_HEADERS", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY_HEADERS else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_AGE = env.int("ADMIN_SESSION_HOURS", default=8) * 3600  # from the log-in on, used or not
LOGIN_REDIRECT_URL = "admin:index"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0

LOG_IN_LOCK_MINUTES = env.int("LOG_IN_LOCK_MINUTES", default=15)
globals().update(access_settings(lock_minutes=LOG_IN_LOCK_MINUTES))
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "adminpanel" / "templates", BASE_DIR / "trading" / "onboarding" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "trading" / "onboarding" / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = not PRODUCTION

# --- Database, Redis, Celery ------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/1")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
DATABASES = {"default": env.db_url_config(DATABASE_URL or "postgres://127.0.0.1:5432/vanta")}
DB_STATEMENT_TIMEOUT_S = env.int("DB_STATEMENT_TIMEOUT_S", default=30)
DB_LOCK_TIMEOUT_S = env.int("DB_LOCK_TIMEOUT_S", default=10)
DB_IDLE_TRANSACTION_TIMEOUT_S = env.int("DB_IDLE_TRANSACTION_TIMEOUT_S", default=30)
DATABASES["default"].update(
    CONN_MAX_AGE=60,
    CONN_HEALTH_CHECKS=True,
    OPTIONS=connection_options(
        DATABASES["default"].get("OPTIONS", {}),
        statement_s=DB_STATEMENT_TIMEOUT_S,
        lock_s=DB_LOCK_TIMEOUT_S,
        idle_s=DB_IDLE_TRANSACTION_TIMEOUT_S,
    ),
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1000
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "redbeat.RedBeatScheduler"
CELERY_REDBEAT_REDIS_URL = REDIS_URL
CELERY_REDBEAT_LOCK_TIMEOUT = 6
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_BEAT_SCHEDULE = {
    **FEEDS_SCHEDULE,
    **TRADING_SCHEDULE,
    **ADMINPANEL_SCHEDULE,
    **PREFLIGHT_SCHEDULE,
    **VANTA_SCHEDULE,
}

# --- Telegram ---------------------------------------------------------------------------------------------------------
TELEGRAM_BOT_TOKEN = env.str("TELEGRAM_BOT_TOKEN", default="")
TELEGRAM_WEBHOOK_SECRET = env.str("TELEGRAM_WEBHOOK_SECRET", default="")
TELEGRAM_API_BASE_URL = env.str("TELEGRAM_API_BASE_URL", default="https://api.telegram.org/bot")
ADMIN_USER_IDS = env.list("ADMIN_USER_IDS", cast=int, default=[])
SUPER_ADMIN_IDS = env.list("SUPER_ADMIN_IDS", cast=int, default=[])
ALERT_REPEAT_MINUTES = env.int("ALERT_REPEAT_MINUTES", default=15)  # 0: told once
DRAFT_VALID_S = env.int("DRAFT_VALID_S", default=30)
DRAFT_MAX_DRIFT_PCT = decimal("DRAFT_MAX_DRIFT_PCT", "0.002")
INTENT_VALID_S = env.int("INTENT_VALID_S", default=45)

# --- Risk limits (fractions where a name ends in _PCT or _SHARE) ------------------------------------------------------
MAX_POSITION_SIZE_USD = decimal("MAX_POSITION_SIZE_USD", "100000")
MAX_ACCOUNT_RISK_PCT = decimal("MAX_ACCOUNT_RISK_PCT", "0.10")
MAX_LEVERAGE = decimal("MAX_LEVERAGE", "500")
LIQUIDATION_BUFFER_PCT = decimal("LIQUIDATION_BUFFER_PCT", "0.05")
MAX_DAILY_LOSS_PCT = decimal("MAX_DAILY_LOSS_PCT", "0.20")
OPENS_PER_MINUTE = env.int("OPENS_PER_MINUTE", default=5)
TRADES_PER_DAY = env.int("TRADES_PER_DAY", default=50)
HOURLY_VOLUME_USD = decimal("HOURLY_VOLUME_USD", "10000")
DAILY_VOLUME_USD = decimal("DAILY_VOLUME_USD", "50000")
COOLDOWN_MINUTES = env.int("COOLDOWN_MINUTES", default=0)
DRAWDOWN_PCT = decimal("DRAWDOWN_PCT", "0")
DRAWDOWN_DAYS = env.int("DRAWDOWN_DAYS", default=0)
MARKET_STOPS = env.int("MARKET_STOPS", default=0)
MARKET_STOPS_HOURS = env.int("MARKET_STOPS_HOURS", default=0)
TELEGRAM_MESSAGES_PER_MINUTE = env.int("TELEGRAM_MESSAGES_PER_MINUTE", default=30)
MAX_SLIPPAGE_PCT = decimal("MAX_SLIPPAGE_PCT", "0.001")
DEFAULT_EXECUTION_MODE = env.str("DEFAULT_EXECUTION_MODE", default="DRY")
CANARY_MAX_NOTIONAL_USD = decimal("CANARY_MAX_NOTIONAL_USD", "500")
REQUIRE_SECOND_APPROVER = env.bool("REQUIRE_SECOND_APPROVER", default=False)
DRY_STARTING_BALANCE_USD = decimal("DRY_STARTING_BALANCE_USD", "10000")

# --- Prices -----------------------------------------------------------------------------------------------------------
PRICE_MAX_AGE_S = decimal("PRICE_MAX_AGE_S", "5")
PRICE_MAX_DEVIATION_PCT = decimal("PRICE_MAX_DEVIATION_PCT", "0.005")
PRICE_MAX_UNCERTAINTY_SHARE = decimal("PRICE_MAX_UNCERTAINTY_SHARE", "0.25")
COINGECKO_BASE_URL = env.str("COINGECKO_BASE_URL", default="https://api.coingecko.com/api/v3")
COINGECKO_API_KEY = env.str("COINGECKO_API_KEY", default="")

# --- Venue and chain --------------------------------------------------------------------------------------------------
VERANTA_API_BASE_URL = env.str("VERANTA_API_BASE_URL", default="https://prod-api.veranta.xyz")
VERANTA_TX_BUILDER_URL = env.str("VERANTA_TX_BUILDER_URL", default="https://tx-builder.veranta.xyz")
VERANTA_FEED_URL = env.str("VERANTA_FEED_URL", default="https://feed-v3.veranta.xyz")
VERANTA_HISTORY_API_URL = env.str("VERANTA_HISTORY_API_URL", default="https://api.veranta.xyz")
BASE_RPC_URL = env.str("BASE_RPC_URL", default="https://mainnet.base.org")
BLOCK_MAX_AGE_S = env.int("BLOCK_MAX_AGE_S", default=60)
SANDBOX_URL = env.str("SANDBOX_URL", default="")

# --- Secrets of the audit log and the delegate keys -------------------------------------------------------------------
AUDIT_HMAC_KEY = env.str("AUDIT_HMAC_KEY", default="" if PRODUCTION else "development-only-audit-key")
KEY_ENCRYPTION_KEYS = env.str("KEY_ENCRYPTION_KEYS", default="")

# --- Operation --------------------------------------------------------------------------------------------------------
HEALTH_CRITICAL = env.list("HEALTH_CRITICAL", default=["database", "redis", "broker", "workers", "feeds"])
HEALTH_TOKEN = env.str("HEALTH_TOKEN", default="")
FLOWER_URL = env.str("FLOWER_URL", default="http://127.0.0.1:5555/flower/")
FLOWER_BASIC_AUTH = env.str("FLOWER_BASIC_AUTH", default="")
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
LOG_JSON = env.bool("LOG_JSON", default=True)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = "vanta.logging.configure"
LOGGING = logging_config(json=LOG_JSON, level=LOG_LEVEL)

UNFOLD = LOOK
FORMAT_MODULE_PATH = ["adminpanel.formats"]

require_fraction(
    MAX_ACCOUNT_RISK_PCT=MAX_ACCOUNT_RISK_PCT,
    LIQUIDATION_BUFFER_PCT=LIQUIDATION_BUFFER_PCT,
    MAX_DAILY_LOSS_PCT=MAX_DAILY_LOSS_PCT,
    DRAWDOWN_PCT=DRAWDOWN_PCT,
    PRICE_MAX_DEVIATION_PCT=PRICE_MAX_DEVIATION_PCT,
    PRICE_MAX_UNCERTAINTY_SHARE=PRICE_MAX_UNCERTAINTY_SHARE,
    DRAFT_MAX_DRIFT_PCT=DRAFT_MAX_DRIFT_PCT,
    MAX_SLIPPAGE_PCT=MAX_SLIPPAGE_PCT,
)
if SIGNS:
    try:
        Keyring.parse(KEY_ENCRYPTION_KEYS)
        problem = "" if KEY_ENCRYPTION_KEYS else "it is missing"
    except BadKeyring as error:
        problem = str(error)
    refuse_unfit_signer(keyring_problem=problem, identity=identity_variables(os.environ))
refuse_unsafe_production(
    production=PRODUCTION,
    execution_mode=DEFAULT_EXECUTION_MODE,
    required={
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": ",".join(ALLOWED_HOSTS),
        "DATABASE_URL": DATABASE_URL,
        "REDIS_URL": env.str("REDIS_URL", default=""),
        "CELERY_BROKER_URL": env.str("CELERY_BROKER_URL", default=""),
        "TELEGRAM_BOT_TOKEN": TELEGRAM_BOT_TOKEN,
        "TELEGRAM_WEBHOOK_SECRET": TELEGRAM_WEBHOOK_SECRET,
        "AUDIT_HMAC_KEY": AUDIT_HMAC_KEY,
        "FLOWER_BASIC_AUTH": FLOWER_BASIC_AUTH,
        "PUBLIC_BASE_URL": env.str("PUBLIC_BASE_URL", default=""),
    },
    forbidden={"SANDBOX_URL": SANDBOX_URL},
)
if PRODUCTION:
    # Flower itself looks into the process environment only, and without a log-in it is open.
    os.environ["FLOWER_BASIC_AUTH"] = FLOWER_BASIC_AUTH
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", "")  # prometheus_client looks there, and takes a blank for a directory
if PROMETHEUS_MULTIPROC_DIR:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = PROMETHEUS_MULTIPROC_DIR
