"""`manage.py trading_state`: show it, or stop trading from the shell, without Celery or Redis."""

import getpass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from risk import trading_state
from risk.trading_state import LimitsLoosened, ReasonMissing, TradingState, WouldLoosen
from trading.services import stopping
from trading.telegram import stopping_words

MAINTENANCE = "maintenance"


class Command(BaseCommand):
    help = (
        "Show the trading state, or set it: `reducing` (only what reduces risk), `maintenance` (the same, and the "
        "traders are told) or `halted` (nothing but cancels). "
        "`active` is for development: in production a super admin resumes trading in the admin site, under Controls."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "state", nargs="?", default="show", choices=["show", MAINTENANCE, *[state.value for state in TradingState]]
        )
        parser.add_argument("--reason", default="", help="why; required for a change, kept in the audit log")
        parser.add_argument("--actor", default="", help="who; the shell's user by default")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["state"] == "show":
            self._show()
            return
        is_maintenance = options["state"] == MAINTENANCE
        state = TradingState.REDUCING if is_maintenance else TradingState(options["state"])
        if state is TradingState.ACTIVE and settings.PRODUCTION:
            raise CommandError(f"Not from a shell in production. {stopping_words.where_to_resume()}")
        try:
            actor = options["actor"] or f"shell:{getpass.getuser()}"
            stopping.change_state(
                state,
                actor=actor,
                reason=options["reason"],
                is_maintenance=is_maintenance,
                only_stricter=settings.PRODUCTION,
            )
        except WouldLoosen as error:
            raise CommandError(f"Trading is halted, and stays so. {stopping_words.where_to_resume()}") from error
        except LimitsLoosened as error:
            address = stopping_words.controls_address()
            raise CommandError(f"The environment has looser limits. Acknowledge them first: {address}") from error
        except ReasonMissing as error:
            raise CommandError("Say why: --reason '…'") from error
        self._show()

    def _show(self) -> None:
        self.stdout.write(f"Trading state: {trading_state.current().upper()}")
        last = trading_state.last()
        if last is not None:
            self.stdout.write(f"since {last.created_at:%Y-%m-%d %H:%M:%S} UTC by {last.actor}: {last.reason}")
