"""Columns and values as people read them: money, prices, states in colour, links to other rows."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from vanta import clock
from vanta.money import format_number, format_percent, format_price, format_usd

Column = Callable[[Any, Any], Any]
NOTHING = "–"

STATE_COLOURS = {
    "DRAFT": "",
    "APPROVED": "info",
    "SUBMITTING": "info",
    "ACCEPTED": "info",
    "RESTING": "info",
    "PARTIALLY_FILLED": "info",
    "FILLED": "success",
    "DENIED": "danger",
    "REJECTED": "danger",
    "CANCELED": "",
    "EXPIRED": "",
    "UNKNOWN": "warning",
}
MODE_COLOURS = {"DRY": "info", "LIVE": "warning"}
SIDE_COLOURS = {"long": "success", "short": "danger"}


def badge(text: object, colour: str = "") -> SafeString:
    """A word on a coloured ground: success, info, warning, danger, or grey."""
    return SafeString(render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}).strip())


def link(row: Model | None, text: object = None) -> str:
    """A link to the row's admin page."""
    if row is None:
        return NOTHING
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a class="text-link v-link" href="{}">{}</a>', address, text or row)


def pretty_json(value: Any) -> str:
    """JSON on several lines, as it is."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html('<pre class="v-json">{}</pre>', text)


def money(value: Decimal | None) -> str:
    """An amount of USDC, aligned with others."""
    return NOTHING if value is None else figure(format_usd(value))


def figure(text: object) -> str:
    """Digits as wide as each other, on one line."""
    return format_html('<span class="v-figure">{}</span>', text)


def words(text: object) -> str:
    """Words of any length: a list shows two lines of them and the rest in a tooltip, a page shows all."""
    return format_html('<span class="v-words" title="{0}">{0}</span>', text)


def _spoken(codes: str) -> str:
    return ", ".join(code.strip() for code in codes.replace("_", " ").split(","))


def two_lines(above: object, below: object) -> str:
    """What a row is, and a smaller word on it below."""
    return format_html('<span class="v-line">{}</span><span class="v-line v-quiet">{}</span>', above, below)


def shortened(text: str, kept: int = 8) -> str:
    """A hash by its two ends, with all of it in a tooltip."""
    if len(text) <= 3 * kept:
        return text
    return format_html('<span title="{}">{}…{}</span>', text, text[:kept], text[-kept:])


def _number(row: Any) -> str:
    if row.mode != "LIVE":
        return f"#{row.pk}"
    return format_html('<span class="v-figure">#{} {}</span>', row.pk, badge(row.mode, MODE_COLOURS[row.mode]))


def _side(row: Any) -> str:
    side = badge(row.side, SIDE_COLOURS[row.side])
    return format_html('<span class="v-figure">{} {}x</span>', side, format_number(row.leverage))


def _time(at: dt.datetime) -> str:
    """To the second; a list leaves out the year while it lasts."""
    year = format_html('<span class="{}">{}-</span>', "v-this-year" if at.year == clock.now().year else "", at.year)
    return format_html(
        '<time class="v-time" datetime="{}" title="{} UTC">{}{}</time>',
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M:%S}",
        year,
        f"{at:%m-%d %H:%M:%S}",
    )


def _column(name: str, title: str | None, show: Callable[[Any], Any]) -> Column:
    def show_value(row: Any) -> Any:
        value = getattr(row, name)
        return NOTHING if value is None or value == "" else show(value)

    return _row_column(name, title, show_value)


def _row_column(ordering: str, title: str | None, show: Callable[[Any], Any]) -> Column:
    @display(description=title or ordering.removesuffix("_usd").replace("_", " "), ordering=ordering)  # type: ignore[untyped-decorator]
    def column(_admin: Any, row: Any) -> Any:
        return show(row)

    return column  # type: ignore[no-any-return]


def usd_column(name: str, title: str | None = None) -> Column:
    """An amount of USDC, two decimals."""
    return _column(name, title, lambda value: figure(format_usd(value)))


def price_column(name: str, title: str | None = None) -> Column:
    """A price, with the digits that its size deserves."""
    return _column(name, title, lambda value: figure(format_price(value)))


def number_column(name: str, title: str | None = None, *, unit: str = "") -> Column:
    """A number without trailing zeros."""
    return _column(name, title, lambda value: figure(f"{format_number(value)}{unit}"))


def percent_column(name: str, title: str | None = None, decimals: int = 3) -> Column:
    """A fraction as percent."""
    return _column(name, title, lambda value: figure(format_percent(value, decimals)))


def text_column(name: str, title: str | None = None) -> Column:
    """Words as they are, without the help text of the model's field."""
    return _column(name, title, words)


def codes_column(name: str, title: str | None = None) -> Column:
    """Stable codes as words: `position_size,margin` is `position size, margin`."""
    return _column(name, title, lambda value: words(_spoken(str(value))))


def time_column(name: str, title: str | None = None) -> Column:
    """A UTC time to the second, on one line."""
    return _column(name, title, _time)


def date_column(name: str, title: str | None = None) -> Column:
    """A UTC day."""
    return _column(name, title, lambda value: format_html('<time class="v-time">{}</time>', f"{value:%Y-%m-%d}"))


def badge_column(name: str, colours: Mapping[str, str], title: str | None = None) -> Column:
    """A word in colour."""
    return _column(name, title, lambda value: badge(str(value).replace("_", " "), colours.get(value, "")))


def json_column(name: str, title: str | None = None) -> Column:
    """JSON on several lines."""
    return _column(name, title, pretty_json)


def link_column(name: str, title: str | None = None) -> Column:
    """A link to the row that this one points at."""
    return _column(name, title, link)


def number_link_column(name: str, title: str | None = None) -> Column:
    """The same, by its number alone."""
    return _column(name, title, lambda row: link(row, f"#{row.pk}"))


def row_number_column(title: str | None = None) -> Column:
    """The number of an order or position, with a warning where it is about real money."""
    return _row_column("id", title, _number)


def side_column(title: str | None = None) -> Column:
    """The side with the leverage, as the chat says it: long 10x."""
    return _row_column("side", title, _side)
