"""Which limits bind a trader: the global ones of the settings, changed by the trader's policy."""

from dataclasses import fields, replace

from django.conf import settings

from risk.models import RiskPolicy
from risk.values import Limits

NAMES = tuple(field.name for field in fields(Limits) if field.name != "protections")  # each has a setting
LOOSER_WHEN_LOWER = frozenset({"liquidation_buffer_pct"})  # every other limit is looser when it is higher


def global_limits() -> Limits:
    """The limits of the settings, which are named alike in capitals."""
    return Limits(**{name: getattr(settings, name.upper()) for name in NAMES})


def limits_for(policy: RiskPolicy | None) -> Limits:
    """The limits of a trader with this policy. An override tightens; it loosens only where the policy `may_loosen`."""
    limits = global_limits()
    if policy is None:
        return limits
    overrides = {}
    for name in NAMES:
        value = getattr(policy, name)
        if value is None:
            continue
        general = getattr(limits, name)
        tightest = max if name in LOOSER_WHEN_LOWER else min
        overrides[name] = value if policy.may_loosen else tightest(value, general)
    return replace(limits, **overrides)
