"""The limits that bind traders: global, their tier's, their policy's, their own. Read anew for every decision."""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db.models import Q, QuerySet

from risk import policies
from risk.limits import NOTHING, Binding, Source, Terms, merge
from risk.models import RiskPolicy
from risk.values import Limits
from trading.models import Trader

Triple = tuple[int | None, int | None, int | None]
SOURCES = (Source.TIER, Source.POLICY, Source.OWN)


def policies_of(trader: Trader) -> Triple:
    """The numbers of a trader's tier, policy and own policy."""
    return trader.tier_id, trader.policy_id, trader.own_policy_id


def alone_under(policy: RiskPolicy) -> Triple:
    """What a trader whom nothing but this policy concerns would point at."""
    kinds = (RiskPolicy.Kind.TIER, RiskPolicy.Kind.POLICY, RiskPolicy.Kind.OWN)
    tier, by_name, own = (policy.pk if policy.kind == kind else None for kind in kinds)
    return tier, by_name, own


def bindings_of(traders: Iterable[Trader], at: dt.datetime | None = None) -> dict[int, Binding]:
    """By trader; one statement for all. To bind, the rows must have been read under their lock, and so must this be."""
    known = {trader.pk: policies_of(trader) for trader in traders}
    by_triple = bindings(set(known.values()), at)
    return {number: by_triple[triple] for number, triple in known.items()}


def bindings(
    triples: Iterable[Triple], at: dt.datetime | None = None, proposed: Mapping[int, Terms] | None = None
) -> dict[Triple, Binding]:
    """The same by what a trader points at; `proposed` terms stand in for those that are in force."""
    wanted = set(triples)
    terms = {**policies.in_force({number for triple in wanted for number in triple}, at), **(proposed or {})}
    general = policies.global_limits()
    return {triple: merge(general, layers(triple, terms)) for triple in wanted}


def layers(triple: Triple, terms: Mapping[int, Terms]) -> list[tuple[Source, Terms]]:
    """What is merged over the global limits, in order; `terms` are those in force, by policy."""
    stated = zip(SOURCES, triple, strict=True)
    return [(source, terms.get(number, NOTHING)) for source, number in stated if number is not None]


def binding_of(trader: Trader) -> Binding:
    return bindings_of([trader])[trader.pk]


def limits_of(trader: Trader) -> Limits:
    return binding_of(trader).limits


def traders_under(policy: RiskPolicy) -> QuerySet[Trader]:
    """Everybody whom a policy concerns, in whatever place."""
    return Trader.objects.filter(Q(tier=policy) | Q(policy=policy) | Q(own_policy=policy))
