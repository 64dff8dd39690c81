"""The environment of a development run: what the person set wins, generated secrets and the sandbox fill the rest."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

import environ

from vanta.embedded.host import write_private
from vanta.preconditions import SIGNING_ONLY

ROLE, SIGNING = "VANTA_ROLE", "signing"
SANDBOX_PATHS = {
    "SANDBOX_URL": "",
    "TELEGRAM_API_BASE_URL": "/telegram/bot",
    "VERANTA_API_BASE_URL": "/veranta",
    "VERANTA_TX_BUILDER_URL": "/tx-builder",
    "VERANTA_FEED_URL": "/feed",
    "VERANTA_HISTORY_API_URL": "/history",
    "COINGECKO_BASE_URL": "/coingecko/api/v3",
    "BASE_RPC_URL": "/rpc",
}


def read_dotenv(path: Path) -> dict[str, str]:
    """The values of a dotenv file as the settings read them; empty when there is no file."""
    scope: dict[str, str] = {}

    class Reader(environ.Env):  # type: ignore[misc]  # read_env writes to the class's mapping: here not os.environ
        ENVIRON = scope

    if path.exists():
        Reader.read_env(path)
    return scope


def chosen_by_person(
    environment: Mapping[str, str], dotenv: Mapping[str, str], example: Mapping[str, str]
) -> dict[str, str]:
    """What a person set in the environment or `.env`. Blank or unchanged lines of env.example choose nothing."""
    return {
        name: value for name, value in {**dotenv, **environment}.items() if value and value != example.get(name)
    }  # fmt: skip


def sandbox_urls(sandbox_url: str) -> dict[str, str]:
    """The addresses of the outside world, all at the sandbox."""
    return {name: sandbox_url + path for name, path in SANDBOX_PATHS.items()}


def web_addresses(port: int, flower_port: int) -> dict[str, str]:
    """Where this run is found in the browser."""
    return {
        "PORT": str(port),
        "HEALTH_PORT": str(port),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram/webhook/",
        "FLOWER_PORT": str(flower_port),
        "FLOWER_URL": f"http://127.0.0.1:{flower_port}/flower/",
    }


def generated_secrets() -> dict[str, str]:
    """New secrets for everything that needs one."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "AUDIT_HMAC_KEY": secrets.token_urlsafe(32),
        "TELEGRAM_BOT_TOKEN": f"{10**8 + secrets.randbelow(9 * 10**8)}:{secrets.token_urlsafe(26)}",
        "TELEGRAM_WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "FLOWER_BASIC_AUTH": f"operator:{secrets.token_urlsafe(12)}",
        "KEY_ENCRYPTION_KEYS": new_key_encryption_key("first"),
    }


def new_key_encryption_key(key_id: str) -> str:
    """A key that encrypts delegate keys, as KEY_ENCRYPTION_KEYS lists it."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def of_process(environment: Mapping[str, str], assigned: Mapping[str, str]) -> dict[str, str]:
    """What one process gets, with what its line of the Procfile assigns: only the signing one gets what signs."""
    if assigned.get(ROLE) == SIGNING:
        return {**environment, **assigned}
    return {**shared(environment), **assigned}


def shared(environment: Mapping[str, str]) -> dict[str, str]:
    """What every process may have."""
    return {name: value for name, value in environment.items() if name not in (ROLE, *SIGNING_ONLY)}


def kept_secrets(path: Path) -> dict[str, str]:
    """The secrets in `path`; those it lacks are generated and added. Only we can read the file."""
    known = read_dotenv(path)
    if missing := {name: value for name, value in generated_secrets().items() if name not in known}:
        known |= missing
        write_private(path, "".join(f"{name}={value}\n" for name, value in known.items()))
    return known
