"""Asking the rate limits about weighed openings: all accounts in one round trip, each under its own limits."""

from collections.abc import Sequence

import structlog

from risk import rate_limits
from risk.rate_limits import Account, Ask, Openings, Question, Verdict
from risk.usage import UNKNOWN, Usage
from trading import openings
from trading.errors import LimitsUnreachable
from trading.models import Order
from trading.services.decisions import Weighed
from vanta import redis

log = structlog.get_logger(__name__)


def ask(weighed: Sequence[Weighed], approved: Sequence[Order]) -> list[Verdict]:
    """A verdict on each, in their order; what would open takes its part at once.

    Needs the lock on the traders' rows. `approved` are those of this transaction that are not stored yet. Without Redis
    nothing is granted: raises LimitsUnreachable where it does not answer and something would open.
    """
    accounts: dict[Account, list[Weighed]] = {}
    for each in weighed:
        accounts.setdefault(openings.account_of(each.order), []).append(each)
    questions = [_question(account, theirs) for account, theirs in accounts.items()]

    def look_up(wanted: Sequence[Account]) -> Openings:
        return openings.approved_lately(wanted, also=approved)

    try:
        answers = dict(zip(accounts, map(iter, rate_limits.decide(questions, look_up)), strict=True))
    except redis.RedisDown as error:
        log.warning("rate_limits_unavailable", error=type(error).__name__)
        if isinstance(error, redis.Unreachable) and any(each.would_open for each in weighed):
            raise LimitsUnreachable from error
        return [Verdict(is_granted=False, usage=UNKNOWN)] * len(weighed)
    return [next(answers[openings.account_of(each.order)]) for each in weighed]


def preview(weighed: Weighed) -> Usage:
    """What an order that is not confirmed yet finds used; takes nothing and needs no lock."""
    question = _question(openings.account_of(weighed.order), [weighed], binds=False)
    try:
        return rate_limits.decide([question], openings.approved_lately)[0][0].usage
    except redis.RedisDown as error:
        log.warning("rate_limits_unavailable", error=type(error).__name__)
        return UNKNOWN


def _question(account: Account, weighed: Sequence[Weighed], *, binds: bool = True) -> Question:
    asks = [
        Ask(each.order.pk or 0, each.case.order.notional_usd, consumes=binds and each.would_open) for each in weighed
    ]
    return Question(account, weighed[0].case.limits, asks, binds=binds)
