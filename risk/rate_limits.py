"""How much a trader may open: openings in a minute and a day, notional in an hour and a day; DRY and LIVE apart.

Redis remembers what was granted, PostgreSQL what was approved, and PostgreSQL is right: where Redis may have forgotten,
and before any refusal stands, the caller's `look_up` answers what was approved, and the script is asked again with
that. So a grant whose transaction was rolled back costs a trader nothing. Raises RedisDown: then nothing opens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from risk import window_script
from risk.usage import DAY_MS, WINDOWS, Standing, Usage, Window, limit_units, units
from risk.values import Limits
from risk.window_script import EMPTY, GRANTED, NEVER, UNDECIDED, Call, Entry, Limit, Reply
from vanta.money import USDC_QUANTUM

KEY_PREFIX = "windows:openings:"
LOOK_BACK_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Account:
    """Whose openings are counted together: one trader's in one execution mode."""

    trader_id: int
    mode: str


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening that was approved, and when: the application's clock, as PostgreSQL has it."""

    order_id: int
    at_ms: int
    notional_usd: Decimal


@dataclass(frozen=True, slots=True)
class Ask:
    """May this opening happen? One that other checks refuse only looks: `consumes` is False."""

    order_id: int
    notional_usd: Decimal
    consumes: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One account's openings in the order in which they are decided. One that was granted before counts once.

    `binds` needs the lock on the trader's row: what is looked up replaces what Redis remembers. Without it nothing is
    written, as for a preview. `at_ms` is for tests; None is Redis's own clock.
    """

    account: Account
    limits: Limits
    asks: Sequence[Ask]
    binds: bool = True
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one ask. Undecided: an ask before it was refused, so what it rests on has changed."""

    is_granted: bool
    usage: Usage
    is_undecided: bool = False


Openings = Mapping[Account, Sequence[Opening]]
LookUp = Callable[[Sequence[Account]], Openings]


def decide(questions: Sequence[Question], look_up: LookUp) -> list[list[Verdict]]:
    """A verdict for every ask, in one round trip where all are granted; `look_up` is asked once, where it is needed.

    `look_up` answers all openings that were approved in the last LOOK_BACK_MS, those of the running transaction too.
    """
    if not questions:
        return []
    replies = window_script.run([_call(question) for question in questions])
    unsure = [number for number, reply in enumerate(replies) if not reply.is_loaded or _refuses(reply)]
    if unsure:
        known = look_up([questions[number].account for number in unsure])
        again = [_call(questions[number], known.get(questions[number].account, ())) for number in unsure]
        for number, reply in zip(unsure, window_script.run(again), strict=True):
            replies[number] = reply
    return [[_verdict(reply, place) for place in range(len(reply.answers))] for reply in replies]


def usage(account: Account, limits: Limits, look_up: LookUp, at_ms: int | None = None) -> Usage:
    """What is used of each window now; nothing is consumed by looking."""
    return usages([(account, limits)], look_up, at_ms)[0]


def usages(accounts: Sequence[tuple[Account, Limits]], look_up: LookUp, at_ms: int | None = None) -> list[Usage]:
    """The same of many accounts, in as few round trips."""
    look = Ask(0, Decimal(0), consumes=False)
    questions = [Question(account, limits, [look], binds=False, at_ms=at_ms) for account, limits in accounts]
    return [verdicts[0].usage for verdicts in decide(questions, look_up)]


def _call(question: Question, known: Sequence[Opening] | None = None) -> Call:
    account = question.account
    return Call(
        key=f"{KEY_PREFIX}{account.trader_id}:{account.mode}",
        limits=_windows_under(question.limits),
        asks=[window_script.Ask(ask.order_id, units(ask.notional_usd), ask.consumes) for ask in question.asks],
        known=None
        if known is None
        else [Entry(opening.order_id, opening.at_ms, units(opening.notional_usd)) for opening in known],
        may_write=question.binds,
        at_ms=question.at_ms,
    )


@lru_cache(maxsize=64)
def _windows_under(limits: Limits) -> tuple[Limit, ...]:
    return tuple(Limit(window.length_ms, limit_units(window, limits), window.is_volume) for window in WINDOWS)


def _refuses(reply: Reply) -> bool:
    return any(answer.status != GRANTED for answer in reply.answers)


def _verdict(reply: Reply, place: int) -> Verdict:
    answer = reply.answers[place]
    standings = {
        window.code: _standing(window, *figures)
        for window, *figures in zip(WINDOWS, answer.used, answer.retry_after_ms, reply.oldest_at_ms, strict=True)
    }
    return Verdict(answer.status == GRANTED, Usage(standings), answer.status == UNDECIDED)


def _standing(window: Window, used: int, retry_after_ms: int, oldest_at_ms: int) -> Standing:
    return Standing(
        used * USDC_QUANTUM if window.is_volume else Decimal(used),
        None if retry_after_ms == NEVER else retry_after_ms,
        None if oldest_at_ms == EMPTY else oldest_at_ms,
    )
