"""Money as Decimal: parsing that refuses nonsense, named roundings, and how amounts are written for people. Pure."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from vanta.errors import VantaError

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
USDC_QUANTUM = Decimal("0.000001")  # USDC has six decimals on chain
PRICE_QUANTUM = Decimal("0.0000000001")  # the venue's prices are integers of 1e-10
MAX_MAGNITUDE = 15  # no amount that Vanta handles reaches 10^15; larger input is a mistake or an attack
MAX_DECIMALS = 18


class InvalidNumber(VantaError):
    """The text is not a finite decimal number of a sensible size."""

    code = "invalid_number"


def to_decimal(value: str | int | Decimal) -> Decimal:
    """Exact finite Decimal of `value`. Raises InvalidNumber for NaN, infinities, absurd exponents and non-numbers."""
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise InvalidNumber(value=str(value)[:40]) from error
    if not number.is_finite() or number.adjusted() >= MAX_MAGNITUDE:
        raise InvalidNumber(value=str(value)[:40])
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        raise InvalidNumber(value=str(value)[:40])
    return number


def quantize_usdc(amount: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """`amount` in whole units of 1e-6 USDC."""
    return amount.quantize(USDC_QUANTUM, rounding=rounding)


def quantize_price(price: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """`price` in whole units of 1e-10 USD, the venue's tick on the wire."""
    return price.quantize(PRICE_QUANTUM, rounding=rounding)


def format_usd(amount: Decimal) -> str:
    """`1234.5` as `1,234.50`, with a real minus sign; for people, never parsed again."""
    text = f"{abs(amount):,.2f}"
    return f"−{text}" if amount < 0 and text.strip("0.,") else text


def format_price(price: Decimal) -> str:
    """A price with the digits that its size deserves: 60,000.12, 1.08453, 0.00001234."""
    magnitude = price.copy_abs().adjusted() if price else 0
    decimals = 2 if magnitude >= 2 else 4 if magnitude >= 0 else min(5 - magnitude, 12)
    return f"{price:,.{decimals}f}"


def format_number(value: Decimal) -> str:
    """`value` without an exponent and without trailing zeros: 10, 0.5, 1234.25."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_percent(fraction: Decimal, decimals: int = 2) -> str:
    """A fraction as percent: 0.0017 as `0.17 %`."""
    text = f"{abs(fraction) * HUNDRED:,.{decimals}f}"
    return f"−{text} %" if fraction < 0 and text.strip("0.,") else f"{text} %"
