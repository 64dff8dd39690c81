"""The two ways in which the contracts say no."""

from __future__ import annotations


class Canceled(Exception):
    """The protocol declined the fill; the nonce is used all the same."""


class Reverted(Exception):
    """The transaction failed as a whole: nothing happened and the nonce is unused."""
