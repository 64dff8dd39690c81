"""Running checks side by side, each with its own end in time: none can hang the others, and none can break them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, Queue

import structlog
from django.db import OperationalError, connections

from adminpanel.preflight.findings import Finding, Result, red
from vanta import clock
from vanta.logging import REDACTED, SECRET_VALUES
from vanta.redis import RedisDown

log = structlog.get_logger(__name__)
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing. What changes something while it looks comes in a later `turn` than what only reads."""

    name: str
    look: Callable[[], Finding]
    timeout_s: float = 10
    turn: int = 1


def run(checks: Sequence[Check]) -> list[Result]:
    """Results in the order of the checks, after the longest timeout of each turn at most."""
    found: dict[str, Result] = {}
    for turn in sorted({check.turn for check in checks}):
        found |= {result.name: result for result in _of_turn([each for each in checks if each.turn == turn])}
    return [found[check.name] for check in checks]


def _of_turn(checks: Sequence[Check]) -> Iterator[Result]:
    """As they come. A check that hangs is left behind in its thread, which does not keep the process."""
    started, answers = clock.monotonic(), Queue[Result]()
    for check in checks:
        threading.Thread(target=_look, args=(check, answers), name=f"preflight-{check.name}", daemon=True).start()
    waiting = {check.name: check for check in checks}
    while waiting:
        left_s = min(check.timeout_s for check in waiting.values()) - (clock.monotonic() - started)
        result = _next(answers, left_s)
        if result is None:
            late = [check for check in waiting.values() if clock.monotonic() - started >= check.timeout_s]
            for check in late:
                del waiting[check.name]
                yield _late(check)
        elif result.name in waiting:
            del waiting[result.name]
            yield result


def _next(answers: "Queue[Result]", within_s: float) -> Result | None:
    try:
        return answers.get(timeout=max(within_s, 0))
    except Empty:
        return None


def _late(check: Check) -> Result:
    saw = f"No answer within {check.timeout_s:g} s."
    return _result(check, red(saw, "Find out what hangs: the log, `/readyz` with the health token."), check.timeout_s)


def _look(check: Check, answers: "Queue[Result]") -> None:
    """In a thread of its own, which closes its database connections itself."""
    started = clock.monotonic()
    try:
        finding = check.look()
    except OperationalError:
        finding = red("PostgreSQL does not answer, and this check needs it.", "See postgresql.")
    except RedisDown:
        finding = red("Redis does not answer, and this check needs it.", "See redis.")
    except Exception as error:
        log.exception("preflight_check_raised", check=check.name)
        words = SECRET_VALUES.sub(REDACTED, (str(error).splitlines() or [""])[0])[:SHOWN]
        finding = red(f"{type(error).__name__}: {words}".rstrip(": "), "The log of this command has the traceback.")
    finally:
        connections.close_all()
    answers.put(_result(check, finding, clock.monotonic() - started))


def _result(check: Check, finding: Finding, seconds: float) -> Result:
    return Result(check.name, finding.colour, finding.saw, finding.do, round(seconds * 1000))
