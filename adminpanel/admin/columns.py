"""Columns and values as people read them: money, prices, states in colour, links to other rows."""

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


def shortened(text: str, kept: int = 8) -> str:
    """A hash by its two ends, with all of it in a tooltip."""
    if len(text) <= 3 * kept:
        return text
    return format_html('<span title="{}">{}…{}</span>', text, text[:kept], text[-kept:])


def _column(name: str, title: str | None, show: Callable[[Any], Any]) -> Column:
    @display(description=title or name.removesuffix("_usd").replace("_", " "), ordering=name)  # type: ignore[untyped-decorator]
    def column(_admin: Any, row: Any) -> Any:
        value = getattr(row, name)
        return NOTHING if value is None or value == "" else show(value)

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
    """Words, without the help text of the model's field."""
    return _column(name, title, lambda value: str(value).replace("_", " "))


def time_column(name: str, title: str | None = None) -> Column:
    """A UTC time to the second, on one line."""
    return _column(
        name, title, lambda value: format_html('<span class="v-time">{}</span>', f"{value:%Y-%m-%d %H:%M:%S}")
    )


def badge_column(name: str, colours: Mapping[str, str], title: str | None = None) -> Column:
    """A word in colour."""
    return _column(name, title, lambda value: badge(str(value).replace("_", " "), colours.get(value, "")))


def json_column(name: str, title: str | None = None) -> Column:
    """JSON on several lines."""
    return _column(name, title, pretty_json)


def link_column(name: str, title: str | None = None) -> Column:
    """A link to the row that this one points at."""
    return _column(name, title, link)
