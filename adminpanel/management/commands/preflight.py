"""`manage.py preflight`: the go-live list, as a table. `--review`: what has to be looked at again."""

import getpass
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from adminpanel.models import PreflightRun
from adminpanel.preflight import review
from adminpanel.preflight.runs import UnknownCheck, preflight
from adminpanel.preflight.table import lines, painted
from risk.trading_state import ReasonMissing


class Command(BaseCommand):
    help = (
        "Check whether Vanta may trade with real money now; sends a test message to the super admins and drills the "
        "emergency stop. Exit status 1 where anything is red. LIVE is switched on only within an hour of a whole run "
        "without red."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same for programs")
        parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some checks; opens nothing")
        parser.add_argument("--strict", action="store_true", help="exit status 1 for amber as well")
        parser.add_argument("--drill", action="store_true", help="drill also while traders would notice")
        parser.add_argument(
            "--review", action="store_true", help="what is due for a review; exit status 1 where any is"
        )
        parser.add_argument(
            "--reviewed", metavar="SUBJECT", choices=sorted(review.SUBJECTS), help="it was reviewed now"
        )
        parser.add_argument("--reason", default="", help="with --reviewed: what was looked at, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = f"shell:{getpass.getuser()}"
        if options["reviewed"]:
            self._record(options["reviewed"], actor, options["reason"])
        elif options["review"]:
            self._show_reviews(as_json=options["json"])
        else:
            self._run(actor, options)

    def _run(self, actor: str, options: dict[str, Any]) -> None:
        try:
            run = preflight(by=actor, only=options["only"], is_drill_forced=options["drill"])
        except UnknownCheck as error:
            raise CommandError(f"There are these checks: {', '.join(error.known)}.") from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(run), indent=1))
        else:
            self.stdout.write("\n".join(lines(run, is_coloured=self.stdout.isatty())))
        if run.red() or (options["strict"] and run.verdict != PreflightRun.Verdict.GREEN):
            sys.exit(1)

    def _record(self, name: str, actor: str, reason: str) -> None:
        try:
            review.record(name, actor=actor, reason=reason)
        except ReasonMissing as error:
            raise CommandError("Say what was looked at: --reason '…'") from error
        self.stdout.write(f"{name}: reviewed; due again in {review.DUE_AFTER.days} days.")

    def _show_reviews(self, *, as_json: bool) -> None:
        found = review.reviews()
        if as_json:
            self.stdout.write(json.dumps([_review_json(each) for each in found], indent=1))
        else:
            for each in found:
                colour = "amber" if each.is_due else "green"
                last = f"{each.last_at:%Y-%m-%d} by {each.by}" if each.last_at else "never"
                state = painted(("due" if each.is_due else "fine").ljust(4), colour, self.stdout.isatty())
                self.stdout.write(f"{state}  {each.name.ljust(17)}  last: {last}\n      {each.what}")
            self.stdout.write("\nWrite down that one was done: manage.py preflight --reviewed limits --reason '…'")
        if any(each.is_due for each in found):
            sys.exit(1)


def as_json(run: PreflightRun) -> dict[str, Any]:
    return {
        "at": run.at.isoformat(),
        "by": run.by,
        "verdict": run.verdict,
        "is_complete": run.is_complete,
        "took_ms": run.took_ms,
        "checks": run.results,
    }


def _review_json(each: review.Review) -> dict[str, Any]:
    return {
        "name": each.name,
        "last_at": each.last_at.isoformat() if each.last_at else None,
        "by": each.by,
        "is_due": each.is_due,
        "what": each.what,
    }
