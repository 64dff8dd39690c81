"""How people write markets, and which one they mean. Pure."""

import difflib
import re
from collections.abc import Iterable, Sequence

UPSIDE = "UPSIDE"
DEFAULT_QUOTE = "USD"
LONGEST_NAME = 40
SEPARATORS = re.compile(r"[^A-Z0-9]+")


def likely_symbols(text: str) -> list[str]:
    """The symbols that `text` may spell out in full, most likely first: `eth` gives ETH/USD."""
    words, is_upside = _words(text)
    if not 1 <= len(words) <= 2:
        return []
    base, quote = words[0], words[1] if len(words) == 2 else DEFAULT_QUOTE
    return [f"{base}_{UPSIDE}/{quote}", f"{base}/{quote}_{UPSIDE}"] if is_upside else [f"{base}/{quote}"]


def match_symbol(text: str, symbols: Iterable[str]) -> str | None:
    """The one of `symbols` (earlier ones win) that `text` names in any spelling: ethusd, eth-usd, JPY, eth upside."""
    words, is_upside = _words(text)
    name = "".join(words)
    known: dict[tuple[str, bool], str] = {}
    for symbol in symbols:
        parts, upside = _words(symbol)
        known.setdefault(("".join(parts), upside), symbol)
    for spelling in (name, name + DEFAULT_QUOTE, DEFAULT_QUOTE + name):
        if (spelling, is_upside) in known:
            return known[spelling, is_upside]
    return None


def similar_symbols(text: str, symbols: Sequence[str], *, limit: int = 3) -> tuple[str, ...]:
    """At most `limit` of `symbols` that look like `text`."""
    wanted = text.strip().upper()[:LONGEST_NAME]
    bases = {symbol.split("/")[0]: symbol for symbol in reversed(symbols)}
    near = difflib.get_close_matches(wanted.split("/")[0], list(bases), n=limit)
    return tuple(bases[base] for base in near)


def _words(text: str) -> tuple[list[str], bool]:
    words = [word for word in SEPARATORS.split(text.upper()[:LONGEST_NAME]) if word]
    return [word for word in words if word != UPSIDE], UPSIDE in words
