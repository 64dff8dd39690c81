"""Policies as they are stored: which terms are in force at a time, and adding new ones.

Nothing is kept between decisions: terms that were scheduled bind from their second on, wherever a decision is made.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from risk.limits import COUNTS, NAMES, NOTHING, PROTECTION_NAMES, SETTING_NAMES, Terms, changed_values
from risk.models import PolicyTerms, RiskPolicy
from risk.trading_state import ReasonMissing
from risk.values import Limits, Protections
from vanta import audit, clock
from vanta.errors import VantaError

log = structlog.get_logger(__name__)


class TermsInThePast(VantaError):
    """Terms begin now or later: what was decided before was not decided on them."""

    code = "terms_in_the_past"


@dataclass(frozen=True, slots=True)
class Change:
    """New terms of a policy as they are stored, what they follow, and the names of what is different."""

    row: PolicyTerms
    before: Terms
    after: Terms
    names: tuple[str, ...]


def global_limits() -> Limits:
    """The limits of the settings, which are named alike in capitals; a protection that is 0 there is off."""
    protections = {name: getattr(settings, name.upper()) or None for name in PROTECTION_NAMES}
    plain = {name: getattr(settings, name.upper()) for name in SETTING_NAMES}
    return Limits(**plain, protections=Protections(**protections))


def terms_of(row: PolicyTerms) -> Terms:
    """A row as a value."""
    values = {name: value for name in NAMES if (value := getattr(row, name)) is not None}
    return Terms(values, row.may_loosen)


def in_force(policy_ids: Iterable[int | None], at: dt.datetime | None = None) -> dict[int, Terms]:
    """The terms of some policies at a time (None: now), by policy; one statement, none where nobody has a policy.

    A policy whose first terms are still to come says nothing. To bind, read it under the traders' locks.
    """
    wanted = sorted({number for number in policy_ids if number is not None})
    if not wanted:
        return {}
    rows = PolicyTerms.objects.filter(policy__in=wanted, effective_from__lte=at or clock.now())
    newest = rows.order_by("policy_id", "-effective_from", "-pk").distinct("policy_id")
    return {row.policy_id: terms_of(row) for row in newest}


def scheduled(policy_ids: Collection[int | None]) -> list[PolicyTerms]:
    """Terms that are still to come, the next one first."""
    rows = PolicyTerms.objects.filter(policy__in=[each for each in policy_ids if each], effective_from__gt=clock.now())
    return list(rows.select_related("policy").order_by("effective_from", "pk"))


@transaction.atomic
def add_terms(
    policy: RiskPolicy, terms: Terms, *, actor: str, reason: str, effective_from: dt.datetime | None = None
) -> Change:
    """Let a policy say something else from a time on (None: at once), with its audit entry.

    Whether `actor` may is the caller's to check, and to lock the traders concerned before. Raises ReasonMissing and
    TermsInThePast.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    now = clock.now()
    # To the second: a decision that another machine makes a moment later, by its own clock, is made on them.
    begins = (effective_from or now).replace(microsecond=0)
    if begins < now.replace(microsecond=0):
        raise TermsInThePast(policy=policy.pk)
    RiskPolicy.objects.select_for_update().get(pk=policy.pk)
    is_new = not policy.terms.exists()
    before = in_force([policy.pk], begins).get(policy.pk, NOTHING)
    row = PolicyTerms.objects.create(
        policy=policy,
        effective_from=begins,
        may_loosen=terms.may_loosen,
        actor=actor,
        reason=reason,
        created_at=now,
        **terms.values,
    )
    names = changed_values(_flat(before), _flat(terms))
    audit.append(
        actor=actor,
        action="policy.create" if is_new else "policy.change",
        subject=f"policy:{policy.pk}",
        before=_named(policy, before, names),
        after={**_named(policy, terms, names), "effective_from": begins},
        reason=reason,
    )
    log.info("policy_changed", policy_id=policy.pk, names=names, effective_from=begins.isoformat(), actor=actor)
    return Change(row, before, terms, names)


def _flat(terms: Terms) -> dict[str, Any]:
    return {**terms.values, "may_loosen": terms.may_loosen}


def _named(policy: RiskPolicy, terms: Terms, names: Sequence[str]) -> dict[str, Any]:
    flat = _flat(terms)
    return {"policy": policy.name, **{name: flat.get(name) for name in names}}


def terms_from(values: Mapping[str, Any], may_loosen: bool) -> Terms:
    """Terms from a form's or a file's values by name; None and names that are no limit are left out."""
    kept = {name: values[name] for name in NAMES if values.get(name) is not None}
    return Terms({name: int(value) if name in COUNTS else value for name, value in kept.items()}, may_loosen)
