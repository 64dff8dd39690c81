"""Reading other people's JSON without trusting it: exact numbers, own timestamps, polite waiting."""

import email.utils
import json
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from vanta import clock

MAX_RETRY_AFTER_S = 86_400
MIN_EXPONENT, MAX_EXPONENT = -17, 14  # of the first digit: 1e-17 to 1e15 USD
DECIMALS = 18
QUANTUM = Decimal(1).scaleb(-DECIMALS)
WIDE = Context(prec=40)


def parse_json(body: bytes | str) -> Any:
    """The document with every number exact: Decimal instead of float. Raises ValueError and nothing else."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (RecursionError, ArithmeticError) as error:
        raise ValueError("nested too deeply, or a number beyond all bounds") from error


def read_price(value: Any) -> Decimal | None:
    """A positive price of a sensible size with 18 decimals at most, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        price = Decimal(value)
    except (InvalidOperation, ValueError):
        return None  # not a number: the quote is left out, as the consensus would leave it out
    if not price.is_finite() or price <= 0 or not MIN_EXPONENT <= price.adjusted() <= MAX_EXPONENT:
        return None
    return price.quantize(QUANTUM, context=WIDE) if -int(price.as_tuple().exponent) > DECIMALS else price


def read_integer(value: Any) -> int | None:
    """A positive whole number given as a number or as text, or None."""
    if isinstance(value, bool):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0 else None


def retry_after_s(header: str | None, *, default_s: int) -> int:
    """Seconds of a Retry-After header, which holds seconds or a date; `default_s` where it is missing or unreadable."""
    if header is None:
        return default_s
    if header.strip().isascii() and header.strip().isdecimal():
        return min(int(header.strip()[:9]), MAX_RETRY_AFTER_S)
    try:
        until = email.utils.parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return default_s
    wait_s = int((until.replace(tzinfo=until.tzinfo or clock.UTC) - clock.now()).total_seconds()) + 1
    return min(max(wait_s, 0), MAX_RETRY_AFTER_S)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"not a JSON number: {name}")
