"""Changing limits: policies by admins, tightenings by traders themselves. Each under the lock of all whom it concerns.

A decision that is under way ends first; the next one is made on the new limits. Looser limits are a super admin's.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import transaction

from risk import policies
from risk.limits import NOTHING, Terms, Value, binding_value, loosened_terms, looser_limits, with_values
from risk.models import RiskPolicy
from risk.policies import Change
from risk.values import Limits
from trading.errors import NothingTightened, WouldLoosen
from trading.limits import Triple, alone_under, binding_of, bindings, policies_of, traders_under
from trading.models import Trader
from trading.models.loading import lock_traders
from vanta import clock


@dataclass(frozen=True, slots=True)
class Tightened:
    """What bound a trader before and what binds them now."""

    before: Limits
    after: Limits


@transaction.atomic
def save_terms(
    *,
    policy: RiskPolicy,
    terms: Terms,
    actor: str,
    reason: str,
    is_super_admin: bool,
    effective_from: dt.datetime | None = None,
) -> Change:
    """Let a policy say something else, at once or from a time on.

    Raises WouldLoosen where only a super admin may, ReasonMissing and TermsInThePast.
    """
    lock_traders(traders_under(policy).values_list("pk", flat=True))
    RiskPolicy.objects.select_for_update().get(pk=policy.pk)
    before = policies.in_force([policy.pk], effective_from).get(policy.pk, NOTHING)
    loosened = loosened_terms(before, terms)
    if loosened and not is_super_admin:
        raise WouldLoosen(loosened)
    return policies.add_terms(policy, terms, actor=actor, reason=reason, effective_from=effective_from)


@transaction.atomic
def tighten_own(*, trader: Trader, values: Mapping[str, Value]) -> Tightened:
    """Tighten a trader's limits, all of `values` or none; it binds their next decision, and they cannot take it back.

    Raises WouldLoosen where a value is looser than what binds now, NothingTightened where none is tighter.
    """
    lock_traders([trader.pk])
    locked = Trader.objects.select_related("own_policy").get(pk=trader.pk)
    before = binding_of(locked).limits
    wanted = with_values(before, {name: binding_value(name, value) for name, value in values.items()})
    if loosened := looser_limits(before, wanted):
        raise WouldLoosen(loosened)
    if not looser_limits(wanted, before):
        raise NothingTightened
    policy = locked.own_policy or _own_policy(locked)
    own = policies.in_force([policy.pk]).get(policy.pk, NOTHING)
    policies.add_terms(
        policy,
        Terms({**own.values, **values}),
        actor=f"telegram:{trader.telegram_id}",
        reason="set by the trader in Telegram",
    )
    trader.own_policy = policy
    return Tightened(before, binding_of(locked).limits)


def _own_policy(trader: Trader) -> RiskPolicy:
    trader.own_policy = RiskPolicy.objects.create(name=f"own:{trader.telegram_id}", kind=RiskPolicy.Kind.OWN)
    trader.save(update_fields=["own_policy"])
    return trader.own_policy


def loosened_by_moving(before: Trader, after: Trader) -> tuple[str, ...]:
    """The limits that a trader's other tier or policy leaves looser, now or when scheduled terms come."""
    triples = (policies_of(before), policies_of(after))
    moments = [clock.now(), *_changes_ahead({number for triple in triples for number in triple})]
    found: dict[str, None] = {}
    for moment in moments:
        bound = bindings(triples, moment)
        found |= dict.fromkeys(looser_limits(bound[triples[0]].limits, bound[triples[1]].limits))
    return tuple(found)


def _changes_ahead(policy_ids: set[int | None]) -> Iterator[dt.datetime]:
    return (row.effective_from for row in policies.scheduled(policy_ids))


def resulting_limits(policy: RiskPolicy, terms: Terms, at: dt.datetime | None = None) -> set[Limits]:
    """The different limits that those under a policy would have with these terms; over the global ones if nobody is."""
    triples: set[Triple] = {policies_of(trader) for trader in traders_under(policy)} or {alone_under(policy)}
    return {binding.limits for binding in bindings(triples, at, proposed={policy.pk: terms}).values()}
