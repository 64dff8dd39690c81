"""What must hold of the settings before anything starts; every violation is named in one message. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

MIN_SECRET_LENGTH = 16
SIGNING_ONLY = ("KEY_ENCRYPTION_KEYS", "KEY_ENCRYPTION_KEYS_FILE")  # for the signing worker and for nobody else
SECRETS = ("SECRET_KEY", "TELEGRAM_WEBHOOK_SECRET", "AUDIT_HMAC_KEY")


class UnsafeSettings(SystemExit):
    """The settings would make Vanta unsafe; the start is refused with a message that lists every reason."""


def require_fraction(**values: Decimal) -> None:
    """Raise UnsafeSettings where a share is not a fraction in [0, 1] (0.10 means 10 %; a plain 10 is a mistake)."""
    wrong = [f"{name}={value}" for name, value in values.items() if not (value.is_finite() and 0 <= value <= 1)]
    if wrong:
        raise UnsafeSettings("These settings are fractions between 0 and 1 (0.10 means 10 %): " + ", ".join(wrong))


def refuse_unsafe_production(
    *, production: bool, execution_mode: str, required: Mapping[str, str], forbidden: Mapping[str, str]
) -> None:
    """Raise UnsafeSettings with one message that lists all that is missing or unsafe."""
    problems: list[str] = []
    if execution_mode != "DRY":
        problems.append(
            f"DEFAULT_EXECUTION_MODE={execution_mode}: LIVE is never taken from the environment; "
            "start in DRY and switch in the admin site under Controls"
        )
    if production:
        problems += unsafe_in_production(required=required, forbidden=forbidden)
    if problems:
        raise UnsafeSettings("Vanta does not start:\n  - " + "\n  - ".join(problems))


def unsafe_in_production(*, required: Mapping[str, str], forbidden: Mapping[str, str]) -> list[str]:
    """What production refuses to start with, each in a few words."""
    problems = [f"{name} is missing" for name, value in required.items() if not value]
    problems += [
        f"{name} is shorter than {MIN_SECRET_LENGTH} characters"
        for name in SECRETS
        if required.get(name) and len(required[name]) < MIN_SECRET_LENGTH
    ]
    problems += [f"{name} must not be set in production" for name, value in forbidden.items() if value]
    if not required.get("PUBLIC_BASE_URL", "https://").startswith("https://"):
        problems.append("PUBLIC_BASE_URL must begin with https:// (Telegram calls nothing else)")
    return problems


def identity_variables(names: Iterable[str]) -> list[str]:
    """What the venue's SDK would take from the environment beside addresses: keys, identities, ways to execute."""
    sdk = ("VERANTA_", "AVANTIS_")
    is_address = ("_URL", "_URL_FILE")
    asked = [name for name in names if name.startswith(sdk)]
    return sorted(name for name in asked if not name.endswith(is_address) or name.endswith("_RPC_URL"))


def refuse_unfit_signer(*, keyring_problem: str, identity: Sequence[str]) -> None:
    """Raise UnsafeSettings where the signing worker has no good keys, or the SDK would find an identity of its own."""
    problems: list[str] = []
    if keyring_problem:
        problems.append(f"KEY_ENCRYPTION_KEYS: {keyring_problem}; write id:base64-of-32-bytes,…, the current key first")
    if identity:
        problems.append(f"{', '.join(identity)} must not be set here: the SDK would sign with it for every trader")
    if problems:
        raise UnsafeSettings("The signing worker does not start:\n  - " + "\n  - ".join(problems))
