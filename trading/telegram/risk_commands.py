"""What /risk does: show limits and their use, and let traders tighten their own."""

from trading import buffer_shares
from trading.errors import NothingTightened, WouldLoosen
from trading.limits import binding_of
from trading.models import Trader
from trading.protection_usage import protection_usage
from trading.risk_usage import risk_usage
from trading.services import orders
from trading.services.limits import tighten_own
from trading.telegram import protection_words, risk_pages
from trading.telegram.context import Context
from trading.telegram.limit_words import missing_partner, parse_setting
from trading.telegram.numbers import Mistake

EXAMPLE = "<code>/risk set leverage 20</code>"


def risk(context: Context, words: tuple[str, ...]) -> None:
    """`/risk` alone shows; `/risk set leverage 20` tightens, at once and for good."""
    if not words:
        mode = orders.opening_mode(context.trader)
        page = risk_pages.risk(risk_usage(context.trader, mode))
        protections = protection_words.on_page(protection_usage(context.trader, mode))
        context.reply({**page, "text": page["text"] + protections})
    elif words[0].lower() == "set":
        _set(context, words[1:])
    else:
        raise Mistake("not_a_risk_word", words[0])


def _set(context: Context, words: tuple[str, ...]) -> None:
    values = parse_setting(words)
    limits = binding_of(context.trader).limits
    if missing_partner(values, limits):
        raise Mistake("missing_pair", words[0])
    try:
        tightened = tighten_own(trader=context.trader, values=values)
    except WouldLoosen as error:
        context.reply(risk_pages.refused_to_loosen(error.names, values, limits))
    except NothingTightened:
        context.reply(risk_pages.tight_already(tuple(values), limits))
    else:
        buffer_shares.refresh(Trader.objects.filter(pk=context.trader.pk))
        context.reply(risk_pages.tightened(tightened))
