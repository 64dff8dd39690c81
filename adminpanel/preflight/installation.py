"""Checks of how Vanta is set up: settings, who may do what, limits, logs."""

import json
import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from adminpanel import roles
from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from adminpanel.preflight.findings import Finding, amber, green, red, shortcoming
from adminpanel.second_factor import device_of
from risk import canary_cap, environment_limits
from risk.contradictions import contradictions
from risk.models import RiskPolicy
from risk.policies import global_limits
from trading.limits import alone_under, bindings
from trading.models import Trader
from trading.selectors import least_notional_usd
from vanta import tracing
from vanta.preconditions import unsafe_in_production

DEVELOPMENT = "development-only"
ENOUGH_SUPER_ADMINS = 2
SAMPLE_TOKEN = "123456789:AA" + "x" * 33  # shaped like a bot's, and nobody's


def settings_safe() -> Finding:
    """All that production asks for, and what it cannot know to be wrong."""
    problems = [*_as_production_asks(), *_beyond()]
    if not settings.PRODUCTION:
        problems.insert(0, f"ENVIRONMENT is {settings.ENVIRONMENT}")
    if problems:
        return shortcoming(
            f"{'; '.join(problems)}.", "Correct .env (env.example explains each), restart all processes."
        )
    return green("Production's settings are there and safe.")


def _as_production_asks() -> list[str]:
    names = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "TELEGRAM_BOT_TOKEN",
             "TELEGRAM_WEBHOOK_SECRET", "AUDIT_HMAC_KEY", "FLOWER_BASIC_AUTH", "PUBLIC_BASE_URL")  # fmt: skip
    return unsafe_in_production(
        required={
            **{name: getattr(settings, name) for name in names},
            "ALLOWED_HOSTS": ",".join(settings.ALLOWED_HOSTS),
        },
        forbidden={"SANDBOX_URL": settings.SANDBOX_URL},
    )


def _beyond() -> list[str]:
    found = [f"{name} is development's" for name in ("SECRET_KEY", "AUDIT_HMAC_KEY")
             if getattr(settings, name).startswith(DEVELOPMENT)]  # fmt: skip
    if "*" in settings.ALLOWED_HOSTS:
        found.append("ALLOWED_HOSTS takes every name")
    if settings.KEY_ENCRYPTION_KEYS:
        found.append("KEY_ENCRYPTION_KEYS are for worker-signing alone, and this process has them")
    if not settings.HEALTH_TOKEN:
        found.append("HEALTH_TOKEN is blank, so nobody sees details and metrics")
    return found


def admin_permissions() -> Finding:
    """Each super admin of the settings can come in with a second factor, and has a chat with the bot."""
    if not settings.SUPER_ADMIN_IDS:
        return shortcoming(
            "SUPER_ADMIN_IDS is empty: nobody could start anything.", "Set it, then manage.py sync_admins."
        )
    lacks = {number: problem for number in settings.SUPER_ADMIN_IDS if (problem := _what_lacks(number))}
    if lacks:
        told = "; ".join(f"{number} {problem}" for number, problem in lacks.items())
        return shortcoming(f"{told}.", "README, Operate: Roles and Log in.")
    able = [user for user in roles.super_admins() if device_of(user)]
    if settings.REQUIRE_SECOND_APPROVER and len(able) < ENOUGH_SUPER_ADMINS:
        return red("REQUIRE_SECOND_APPROVER needs two super admins, and there is one.", "Enrol another.")
    silent = [str(number) for number in settings.SUPER_ADMIN_IDS if not Trader.objects.filter(chat_id=number).exists()]
    if silent:
        return amber(f"{', '.join(silent)} never wrote to the bot, which may not write to them.", "They write /start.")
    if len(able) < ENOUGH_SUPER_ADMINS:
        return amber("One super admin alone: with their device lost, nobody starts anything.", "Enrol another.")
    return green(f"{len(able)} super admins have a second factor, and a chat.")


def _what_lacks(telegram_id: int) -> str:
    account = AdminAccount.objects.filter(telegram_id=telegram_id).select_related("user").first()
    if account is None:
        return "has no account (manage.py sync_admins)"
    user: User = account.user
    if roles.role_of(user) is not Role.SUPER_ADMIN or not user.is_active or not user.is_staff:
        return f"({user}) is no super admin any more"
    if not user.has_usable_password():
        return f"({user}) has no password (manage.py changepassword {user})"
    return "" if device_of(user) else f"({user}) has enrolled no second factor: log in once"


def limits() -> Finding:
    """Limits that go together, of the settings and of every policy, and a canary cap that lets something through."""
    if environment_limits.unacknowledged() is not None:
        return red("The environment has looser limits that nobody has acknowledged.", "Controls, or the old limits.")
    least, cap = least_notional_usd(), canary_cap.current()
    if cap is not None and (cap <= 0 or cap < least):
        saw = f"The canary cap ({cap:f} USDC) is below the smallest order ({least:f} USDC): no LIVE order passes."
        return red(saw, "Raise it: Controls.")
    found = [each.sentence for each in contradictions(global_limits(), min_notional_usd=least)]
    if cap is None or cap > settings.MAX_POSITION_SIZE_USD:
        found.append("The canary cap is lifted, or above the largest position: it caps nothing.")
    for policy in RiskPolicy.objects.exclude(kind=RiskPolicy.Kind.OWN):
        (binding,) = bindings([alone_under(policy)]).values()
        more = [each.sentence for each in contradictions(binding.limits, min_notional_usd=least)]
        found += [f"{policy}: {sentence}" for sentence in more if sentence not in found]
    if found:
        return amber(" ".join(found), "The tighter one binds. Change them where that is not meant.")
    return green("The limits go together.")


def logs_json() -> Finding:
    """A line as this process would write it is JSON, has its trace id and no secret."""
    line = _line(f"https://api.telegram.org/bot{SAMPLE_TOKEN}/getMe")
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        return shortcoming("Log lines are not JSON.", "LOG_JSON=true, restart all processes.")
    if "trace_id" not in told or SAMPLE_TOKEN in line:
        return red("A log line has no trace id, or shows a token.", "vanta/logging.py is not as it was.")
    if settings.LOG_LEVEL == "DEBUG":
        return amber("LOG_LEVEL is DEBUG: too much to keep.", "LOG_LEVEL=INFO")
    return green("Lines are JSON with a trace id, secrets are taken out.")


def _line(event: str) -> str:
    formatter = dict(settings.LOGGING["formatters"]["vanta"])
    make = formatter.pop("()")
    record = logging.LogRecord("preflight", logging.INFO, __file__, 0, event, None, None)
    with tracing.bind_trace(""):
        return str(make(**formatter).format(record))
