"""End an order whose fate nobody can find out, on your evidence. Prints what is known; changes it with --yes alone."""

import getpass
import re
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import EndRefused
from trading.models import Account
from trading.models.traders import Mode
from trading.selectors import order_chain
from trading.services import ending
from trading.services.ending import SHOWN_ROWS, Claim, Known
from trading.telegram import story
from trading.venues.avantis.nonces import NotTold, UnusedAt
from vanta import clock

WORDS = {
    "no_such_order": "There is no such order.",
    "not_live": "It is a DRY order: the paper venue's journal says what became of it, and reconciliation finds it.",
    "not_by_hand": "It changes a position, which account reconciliation reads from the venue; it ends by its nonce.",
    "not_unknown": "It is not UNKNOWN: only an order whose fate nobody knows is ended by hand.",
    "not_over": "Its deadline and the margin after it are not over: it may still be executed.",
    "no_evidence": "Say how you know it (--evidence), and why it is not waited for any longer (--reason).",
    "nonce_used": "Its nonce is used: something was executed or canceled. --override where you know better.",
    "no_block_proves_it": "No block beyond its deadline says that its nonce is unused. --override where you know it.",
    "nonce_unused": "The chain says that its nonce is unused: it was never executed. --override where you know better.",
    "one_source": "Say by one of --history, --trade, or (a closing) --price with --payout what was executed.",
    "typed_closings_only": "Only a closing can be typed, with --price and --payout. Name a history row or a trade.",
    "no_amount": "A price is more than 0, a payout not less.",
    "no_such_row": "The history has not exactly one row of that order id or transaction.",
    "another_row": "That row is of another trader, market, side, trade or message.",
    "trades_are_openings": "A closing leaves no trade behind: name the history row, or --price with --payout.",
    "no_such_trade": "No open trade of that index and time in this market and side.",
    "trade_is_booked": "That trade is another position's of the books already.",
    "not_booked": "It could not be booked; the log says why. Nothing was changed.",
}


class Command(BaseCommand):
    """Exit code 1 where it was refused, or nothing was changed for want of --yes."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", type=int)
        parser.add_argument("--as", dest="what", required=True, choices=["filled", "never-executed"])
        parser.add_argument("--evidence", required=True, help="how you know: what you saw, and where")
        parser.add_argument("--reason", required=True, help="why it is not waited for any longer")
        parser.add_argument("--history", default="", help="the venue's order id or transaction, of its history")
        parser.add_argument("--trade", default="", help="INDEX:OPENED_AT of the open trade that it became")
        parser.add_argument("--price", default="", help="of a closing that no row tells of; recorded as typed")
        parser.add_argument("--payout", default="", help="USDC that such a closing paid; recorded as typed")
        parser.add_argument("--override", action="store_true", help="against what nonce and chain say")
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        claim = _claim(options)
        try:
            known = ending.look(options["order"])
            self._print(known)
            if not options["yes"]:
                raise CommandError("Nothing was changed. Read the above, then say --yes.")
            order = ending.end(known, claim, actor=f"shell:{getpass.getuser()}")
        except EndRefused as error:
            raise CommandError(WORDS[error.reason]) from error
        self.stdout.write(f"Order {order.pk} is {order.state}.")

    def _print(self, known: Known) -> None:
        """The order's story, then what venue and chain say of it now."""
        chain = order_chain(known.order.pk)
        self.stdout.write(unescape(re.sub(r"<[^>]+>", "", story.why(chain))))
        for event in chain.venue_events:
            self.stdout.write(f"event {event.seq} of {event.tracking_id}: {event.kind} {event.payload}")
        self.stdout.write(f"\ndeadline {known.intent.deadline:%Y-%m-%d %H:%M:%S} UTC, nonce: {_nonce(known)}")
        self.stdout.write(f"wallet {known.intent.payload['trader']}: {_wallet(known)}")
        for trade in known.trades or ():
            if trade.pair_index == known.order.market.pair_index:
                self.stdout.write(
                    f"trade {trade.index}:{trade.opened_at_s} {trade.side} {trade.collateral_usd} USDC "
                    f"{trade.leverage}x at {trade.entry_price}"
                )
        rows = [row for row in known.history if row.pair_index == known.order.market.pair_index]
        for row in rows[:SHOWN_ROWS]:
            whose = " THIS ORDER'S NONCE" if row.nonce == known.intent.nonce else ""
            self.stdout.write(
                f"history {row.order_id} {row.kind} trade {row.index}:{row.opened_at_s} {row.collateral_usd} USDC "
                f"at {row.price}, paid {row.paid_out_usd}, {row.transaction_hash}{whose}"
            )
        if not rows:
            self.stdout.write("history: nothing in this market, or no answer")


def _claim(options: dict[str, Any]) -> Claim:
    index, _, opened_at = options["trade"].partition(":")
    try:
        trade = (int(index), int(opened_at)) if options["trade"] else None
        price, payout = (Decimal(options[name]) if options[name] else None for name in ("price", "payout"))
    except (ValueError, InvalidOperation) as error:
        raise CommandError("A trade is INDEX:OPENED_AT; a price and a payout are numbers.") from error
    return Claim(
        is_filled=options["what"] == "filled",
        evidence=options["evidence"],
        reason=options["reason"],
        history=options["history"],
        trade=trade,
        price=price,
        payout_usd=payout,
        is_override=options["override"],
    )


def _nonce(known: Known) -> str:
    if isinstance(known.nonce, NotTold):
        return f"nobody can say ({known.nonce.reason})"
    at = clock.from_ms(known.nonce.block_time_s * 1000)
    word = "unused" if isinstance(known.nonce, UnusedAt) else "USED"
    return f"{word} at the block of {at:%Y-%m-%d %H:%M:%S} UTC"


def _wallet(known: Known) -> str:
    account = Account.objects.filter(trader=known.order.trader_id, mode=Mode.LIVE).first()
    booked = account.free_balance_usd if account else 0
    told = "nobody answers" if known.wallet_usd is None else f"{known.wallet_usd} USDC"
    return f"{told}; the books say {booked}"
