"""Columns for money: exact, in one precision each."""

from decimal import Decimal
from typing import Any

from django.db import models


def usd(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    """An amount of USDC, in units of 1e-6."""
    return models.DecimalField(max_digits=24, decimal_places=6, **options)


def price(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    """A price in USD per unit of base, in the venue's tick of 1e-10."""
    return models.DecimalField(max_digits=28, decimal_places=10, **options)


def leverage(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    """A multiple: 10 means 10x."""
    return models.DecimalField(max_digits=10, decimal_places=4, **options)


def fraction(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    """A share: 0.05 is 5 %."""
    return models.DecimalField(max_digits=9, decimal_places=8, **options)


def optional_price(**options: Any) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """A price that need not be there."""
    return models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True, **options)


def optional_usd(**options: Any) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """An amount of USDC that need not be known. An unlimited allowance has more digits than any amount of money."""
    return models.DecimalField(max_digits=84, decimal_places=6, null=True, blank=True, **options)
