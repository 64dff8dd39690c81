"""Run a proposed policy over past orders and print which decisions would change, before it is saved."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from risk import policies
from risk.contradictions import contradictions
from risk.limits import NAMES, NOTHING, Terms
from risk.models import RiskPolicy
from trading.limits import bindings, policies_of, traders_under
from trading.models import Trader
from trading.replay import Proposal, replay
from trading.selectors import least_notional_usd
from trading.telegram import limit_words, replay_words
from trading.telegram.numbers import Mistake
from vanta import clock

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
NOT_SAVED = 0  # the number of a policy that a trader does not have yet


class Command(BaseCommand):
    help = (
        "Decide again on past opening orders under a policy as it is, or as it would be with --set and --file. "
        "Nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--policy", help="the name of a policy; its traders' orders are decided again")
        whom.add_argument("--trader", type=int, help="a Telegram id; the policy that admins gave this trader is meant")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="LIMIT=VALUE",
            help="max_leverage=100, size=10k, loss=5%%; empty clears",
        )
        parser.add_argument("--file", type=Path, help='JSON: {"max_leverage": "100", "may_loosen": true}; null clears')
        parser.add_argument("--since", default="7d", help="how far back: 90m, 12h, 7d (the default)")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        triples, number = self._whom(options)
        before = policies.in_force([number]).get(number, NOTHING) if number else NOTHING
        terms = proposed(before, _file(options["file"]), options["set"])
        proposal = Proposal(triples, {number: terms})
        found = replay(proposal, since=clock.now() - period(options["since"]))
        warnings = sorted(_warnings(proposal))
        if options["json"]:
            told = {**replay_words.as_json(found), "contradictions": warnings}
            self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder, indent=2))
            return
        for line in (*replay_words.lines(found), *(f"⚠ {sentence}" for sentence in warnings)):
            self.stdout.write(line)

    def _whom(self, options: dict[str, Any]) -> tuple[dict[int, Any], int]:
        if options["policy"]:
            policy = RiskPolicy.objects.filter(name=options["policy"]).first()
            if policy is None:
                raise CommandError(f"There is no policy {options['policy']}.")
            return {trader.pk: policies_of(trader) for trader in traders_under(policy)}, policy.pk
        trader = Trader.objects.filter(telegram_id=options["trader"]).first()
        if trader is None:
            raise CommandError(f"There is no trader with the Telegram id {options['trader']}.")
        number = trader.policy_id or NOT_SAVED
        return {trader.pk: (trader.tier_id, number, trader.own_policy_id)}, number


def _warnings(proposal: Proposal) -> set[str]:
    least = least_notional_usd()
    found = bindings(proposal.triples.values(), proposed=proposal.terms).values()
    return {one.sentence for each in found for one in contradictions(each.limits, min_notional_usd=least)}


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(), parse_float=str, parse_int=str)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path} holds no object of limits.")
    return content


def proposed(before: Terms, in_file: dict[str, Any], assignments: list[str]) -> Terms:
    """The terms with changes by name; an empty value clears a limit. Raises CommandError."""
    changes: dict[str, Any] = dict(in_file)
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        changes[name] = value
    may_loosen = str(changes.pop("may_loosen", before.may_loosen)).lower() in ("true", "1", "yes")
    values = dict(before.values)
    for typed, value in changes.items():
        name = limit_words.TYPED.get(typed, typed)
        if name not in NAMES:
            raise CommandError(f"{typed} is no limit. There are: {', '.join(NAMES)}.")
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = _value(name, str(value))
    return Terms(values, may_loosen)


def _value(name: str, text: str) -> Any:
    try:
        return limit_words.parse_value(name, text)
    except Mistake as mistake:
        raise CommandError(f"{name}: {text} is no value for it.") from mistake


def period(text: str) -> dt.timedelta:
    """`90m`, `12h`, `7d`. Raises CommandError."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if found is None:
        raise CommandError("--since is a time like 90m, 12h or 7d.")
    return dt.timedelta(**{UNITS[found.group(2)]: int(found.group(1))})
