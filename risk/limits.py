"""How a trader's limits come about: the global ones, then each policy's terms in turn, and what loosens them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum

from risk.values import Limits, Protections

PROTECTION_NAMES = tuple(each.name for each in fields(Protections))
SETTING_NAMES = tuple(each.name for each in fields(Limits) if each.name != "protections")
NAMES = SETTING_NAMES + PROTECTION_NAMES
# Every other limit is looser when it is higher.
LOOSER_WHEN_LOWER = frozenset({"liquidation_buffer_pct", "cooldown_minutes", "drawdown_days", "market_stops_hours"})
COUNTS = frozenset({"opens_per_minute", "trades_per_day", *PROTECTION_NAMES} - {"drawdown_pct"})

Value = Decimal | int


class Source(StrEnum):
    """Where a limit comes from, in the order in which they are merged."""

    GLOBAL = "global"
    TIER = "tier"
    POLICY = "policy"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says from some time on: limits by name; one that is missing stays as it is.

    A value tightens. It loosens, a protection's 0 switches off, only where the terms `may_loosen`.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    may_loosen: bool = False

    def get(self, name: str) -> Value | None:
        """The value of one limit; None where the terms say nothing of it."""
        return self.values.get(name)


NOTHING = Terms()


@dataclass(frozen=True, slots=True)
class Binding:
    """The limits that bind a trader, and where each that is not global comes from."""

    limits: Limits
    sources: Mapping[str, Source] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        return self.sources.get(name, Source.GLOBAL)


def value_of(limits: Limits, name: str) -> Value | None:
    """One limit by its name; None where a protection is off."""
    value: Value | None = getattr(limits.protections if name in PROTECTION_NAMES else limits, name)
    return value


def with_values(limits: Limits, values: Mapping[str, Value | None]) -> Limits:
    """The limits with some of them replaced."""
    own = {name: value for name, value in values.items() if name not in PROTECTION_NAMES}
    protections = {name: value for name, value in values.items() if name in PROTECTION_NAMES}
    if protections:
        own["protections"] = replace(limits.protections, **protections)  # type: ignore[arg-type, assignment]
    return replace(limits, **own)  # type: ignore[arg-type]


def is_tighter(name: str, value: Value | None, than: Value | None) -> bool:
    """Whether `value` binds where `than` did not; a protection that is off (None) is looser than any that is on."""
    if value is None or than is None:
        return value is not None and than is None
    return value > than if name in LOOSER_WHEN_LOWER else value < than


def binding_value(name: str, value: Value | None) -> Value | None:
    """What a stated value means: a protection's 0 is off."""
    return None if value == 0 and name in PROTECTION_NAMES else value


def merge(general: Limits, layers: Iterable[tuple[Source, Terms]]) -> Binding:
    """The general limits, changed by each layer in turn. A trader's own terms never loosen."""
    values: dict[str, Value | None] = {}
    sources: dict[str, Source] = {}
    for source, terms in layers:
        may_loosen = terms.may_loosen and source is not Source.OWN
        for name, stated in terms.values.items():
            value = binding_value(name, stated)
            before = values[name] if name in values else value_of(general, name)
            if value != before and (may_loosen or is_tighter(name, value, before)):
                values[name], sources[name] = value, source
    return Binding(with_values(general, values) if values else general, sources)


def loosened_terms(before: Terms, after: Terms) -> tuple[str, ...]:
    """The limits that `after` may leave looser than `before`, whatever lies under the policy.

    Also `may_loosen` itself where it is switched on: what it allows is a super admin's to give.
    """
    names = [name for name in NAMES if _may_be_looser(name, before, after)]
    return (*names, "may_loosen") if after.may_loosen and not before.may_loosen else tuple(names)


def _may_be_looser(name: str, before: Terms, after: Terms) -> bool:
    old, new = before.get(name), after.get(name)
    if new is None:
        return old is not None
    if after.may_loosen and (old is None or not before.may_loosen):
        return True  # it counts now even where what lies below it is tighter
    return old is not None and is_tighter(name, binding_value(name, old), binding_value(name, new))


def looser_limits(before: Limits, after: Limits) -> tuple[str, ...]:
    """The limits that are looser in `after`."""
    return tuple(name for name in NAMES if is_tighter(name, value_of(before, name), value_of(after, name)))


def changed_values(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """The names whose values differ."""
    return tuple(name for name in (*NAMES, "may_loosen") if before.get(name) != after.get(name))
