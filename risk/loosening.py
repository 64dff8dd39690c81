"""Which limits of the environment are looser than what a super admin has acknowledged. Pure.

Every limit that a setting states takes part: those that bind traders, and those beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from risk.limits import LOOSER_WHEN_LOWER, NAMES, binding_value

BESIDE = (
    "price_max_deviation_pct",
    "max_slippage_pct",
    "canary_max_notional_usd",
    "draft_valid_s",
    "draft_max_drift_pct",
    "intent_valid_s",
    "telegram_messages_per_minute",
    "require_second_approver",  # 1 or 0: two people are more than one
)
STATED_NAMES = (*NAMES, *BESIDE)
MORE_IS_TIGHTER = LOOSER_WHEN_LOWER | {"require_second_approver"}


@dataclass(frozen=True, slots=True)
class Loosened:
    """A limit that lets more through than before; both as the settings state them."""

    name: str
    before: Decimal
    after: Decimal

    def __str__(self) -> str:
        return f"{self.name.upper()} {plain(self.before)} → {plain(self.after)}"


def plain(value: Decimal | int) -> str:
    """A number without an exponent and without zeros that say nothing: equal numbers are equal texts."""
    return format(Decimal(value).normalize(), "f")


def loosened(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> tuple[Loosened, ...]:
    """The limits that are looser in `after`, by name as in STATED_NAMES.

    A name that one of the two lacks is none of them: another version stated it. Raises decimal.InvalidOperation for a
    number that cannot be compared.
    """
    both = [name for name in STATED_NAMES if name in before and name in after]
    return tuple(
        Loosened(name, before[name], after[name]) for name in both if _is_looser(name, before[name], after[name])
    )


def _is_looser(name: str, before: Decimal, after: Decimal) -> bool:
    old, new = binding_value(name, before), binding_value(name, after)
    if old is None or new is None:
        return old is not None  # a protection was switched off
    return new < old if name in MORE_IS_TIGHTER else new > old
