"""What a chart is asked for: read from what people type and from its buttons, written for the outbox."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feeds.models import Market, Resolution
from trading.telegram.numbers import Mistake, parse_order_id
from trading.telegram.pictures.themes import DARK, THEMES

VERB = "chart"
DEFAULT_RESOLUTION = Resolution.HOUR
RESOLUTIONS = {resolution.label: resolution for resolution in Resolution}
REFRESH = "🔄"
_MINUTE, _HOUR, _DAY = Resolution.MINUTE.value, Resolution.HOUR.value, Resolution.DAY.value
_UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), _HOUR),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    # Spans that no chart has are known too: they are answered with those that there are.
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("w", "week", "weeks"), 7 * _DAY),
    **dict.fromkeys(("mo", "month", "months"), 30 * _DAY),
    **dict.fromkeys(("y", "yr", "year", "years"), 365 * _DAY),
}
_NAMED = {
    **{word: _UNITS[word] for word in ("minute", "hour", "day", "week", "month", "year")},
    "hourly": _HOUR,
    "daily": _DAY,
    "weekly": 7 * _DAY,
    "monthly": 30 * _DAY,
}
_SPAN = re.compile(r"([0-9]{1,4})([a-z]{1,7})", re.IGNORECASE | re.ASCII)
_TURNED = re.compile(r"([mhdw])([0-9]{1,4})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ChartText:
    """What `/chart eth 5m` says; the market's words still as typed."""

    market: tuple[str, ...]
    resolution: Resolution
    theme: str


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """One picture for one trader. `message_id` is the message that it replaces."""

    market: str
    resolution: Resolution
    theme: str
    trader_id: int
    message_id: int | None = None

    def payload(self) -> dict[str, Any]:
        """For the outbox: names only, so that the picture is of the moment when it is sent."""
        named = {
            "market": self.market,
            "resolution": self.resolution.label,
            "theme": self.theme,
            "trader": self.trader_id,
        }
        return {**named, "message_id": self.message_id} if self.message_id else named

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "ChartRequest":
        resolution = RESOLUTIONS[payload["resolution"]]
        return cls(payload["market"], resolution, payload["theme"], payload["trader"], payload.get("message_id"))


@dataclass(frozen=True, slots=True)
class ChartTap:
    """What a button says. Without a resolution it stands on another card, and asks for a message of its own."""

    market_id: int
    resolution: Resolution | None
    theme: str


def parse_chart(words: Sequence[str]) -> ChartText:
    """A market, a resolution and a theme, in any order. Raises Mistake, which says what was clear."""
    spans: list[str] = []
    others: list[str] = []
    for word in _joined(words):
        (others if _seconds(word) is None else spans).append(word)
    themes = [word.lower() for word in others if word.lower() in THEMES] if len(others) > 1 else []
    market = tuple(word for word in others if word.lower() not in themes)
    wrong = [word for word in spans if _resolution(word) is None]
    found = list(dict.fromkeys(filter(None, map(_resolution, spans))))
    understood = (*market[:1], *(resolution.label for resolution in found[:1]))
    if wrong:
        raise Mistake("not_a_resolution", wrong[0], understood)
    if len(found) > 1:
        raise Mistake("resolution_twice", spans[-1], understood)
    if not market:
        raise Mistake("missing_market", understood=understood)
    return ChartText(market, found[0] if found else DEFAULT_RESOLUTION, themes[0] if themes else DARK.name)


def _joined(words: Sequence[str]) -> list[str]:
    """`5 min` as one word."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].isdecimal() and word.lower() in _UNITS:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _seconds(word: str) -> int | None:
    """How long a span is that somebody typed; None where the word is none."""
    lower = word.lower()
    if lower in _NAMED:
        return _NAMED[lower]
    found, turned = _SPAN.fullmatch(lower), _TURNED.fullmatch(lower)
    number, unit = found.groups() if found else turned.group(2, 1) if turned else ("", "")
    return int(number) * _UNITS[unit] if unit in _UNITS else None


def _resolution(word: str) -> Resolution | None:
    seconds = _seconds(word)
    return Resolution(seconds) if seconds in Resolution.values else None


def parse_tap(argument: str) -> ChartTap:
    """`12:1h`, `12:1h:light`, `12`. Raises Mistake for anything that is on no button of ours."""
    number, _, rest = argument.partition(":")
    label, _, theme = rest.partition(":")
    if (label and label not in RESOLUTIONS) or (theme and theme not in THEMES):
        raise Mistake("not_a_resolution", rest)
    return ChartTap(parse_order_id(number), RESOLUTIONS.get(label), theme or DARK.name)


def buttons(market: Market, request: ChartRequest) -> list[tuple[str, str]]:
    """The other resolutions, and the same again."""
    labels = [*RESOLUTIONS.items(), (REFRESH, request.resolution)]
    theme = "" if request.theme == DARK.name else f":{request.theme}"
    return [(label, f"{VERB}:{market.pk}:{resolution.label}{theme}") for label, resolution in labels]
