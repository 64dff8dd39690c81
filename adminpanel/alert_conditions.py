"""What an alert comes from: a condition that is looked at again and again, and what is found when it holds."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from adminpanel.models import Alert
from vanta.errors import VantaError

AT_ONCE = dt.timedelta(0)


class CannotTell(VantaError):
    """What would say so cannot be asked now; an alert that is open stays open, and none begins."""

    code = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """That something is so now.

    `subjects` are what it is about, each with what there is to say of it: a subject that the admins do not know of yet
    is news, however long the rest has lasted. Where it is about one thing only, that has no name: "".
    """

    subjects: Mapping[str, str]
    since: dt.datetime
    is_critical: bool = False


def _nothing() -> str:
    return ""


def _nobody(_subjects: Collection[str], _now: dt.datetime) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Condition:
    """One kind of alert: how to look, how long it has to last before it is told, and to be over before that is told.

    `look` answers None while all is well. `over` is what is to be said at the end; `told` is called with what was told,
    in the same transaction.
    """

    kind: Alert.Kind
    look: Callable[[dt.datetime], Finding | None]
    patience: dt.timedelta = AT_ONCE
    calm: dt.timedelta = AT_ONCE
    over: Callable[[], str] = _nothing
    told: Callable[[Collection[str], dt.datetime], None] = _nobody
