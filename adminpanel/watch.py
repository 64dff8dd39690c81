"""One look at everything that the admins are told of. Needs PostgreSQL only: what Redis or the broker would say is left
as it is while they are away.

The dispatcher's process looks every few seconds, with the health checks' results; beat looks as well, in case the
dispatcher is what is missing.
"""

from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError

from adminpanel import alerts, check_watch, head_notice, load_watch, loss_alerts, trading_watch
from adminpanel.alert_conditions import Condition
from adminpanel.check_watch import Checks
from adminpanel.stream_watch import STREAM

log = structlog.get_logger(__name__)
ALWAYS = (*trading_watch.CONDITIONS, *load_watch.CONDITIONS, STREAM, check_watch.DISPATCHER)


def look(checks: Checks | None = None) -> int:
    """Owe the admins what there is to tell; how many messages. Raises the database's errors."""
    conditions = [*ALWAYS, *(check_watch.conditions(checks) if checks is not None else ())]
    told = sum(_apart(condition.kind, alerts.tell, condition) for condition in conditions)
    return told + _apart("losses", loss_alerts.tell_losses) + _apart("head", head_notice.tell_head)


def _apart(name: str, work: Callable[..., int], *condition: Condition) -> int:
    try:
        return work(*condition)
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("alert_failed", alert=str(name))  # a defect in one must not keep the others untold
        return 0
