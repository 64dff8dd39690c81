"""Which limits bind a trader: the global ones of the settings, changed by the trader's policy."""

from dataclasses import fields

from django.conf import settings

from risk.models import RiskPolicy
from risk.values import Limits

LOOSER_WHEN_LOWER = frozenset({"liquidation_buffer_pct"})  # every other limit is looser when it is higher


def global_limits() -> Limits:
    """The limits of the settings, which are named alike in capitals."""
    return Limits(**{field.name: getattr(settings, field.name.upper()) for field in fields(Limits)})


def limits_for(policy: RiskPolicy | None) -> Limits:
    """The limits of a trader with this policy. An override tightens; it loosens only where the policy `may_loosen`."""
    limits = global_limits()
    if policy is None:
        return limits
    overrides = {}
    for field in fields(Limits):
        value = getattr(policy, field.name)
        if value is None:
            continue
        general = getattr(limits, field.name)
        tightest = max if field.name in LOOSER_WHEN_LOWER else min
        overrides[field.name] = value if policy.may_loosen else tightest(value, general)
    return Limits(**{field.name: overrides.get(field.name, getattr(limits, field.name)) for field in fields(Limits)})
