"""What admins read when the books do not agree. HTML."""

from collections.abc import Mapping
from html import escape
from typing import Any

from trading.books import INVARIANTS
from trading.telegram.cards import Payload, text

RULES = {invariant.code: invariant.rule for invariant in INVARIANTS}
SHOWN = 5


def broken(told: Mapping[str, Any]) -> Payload:
    """`breaches` with code, subject and detail each; `count` of all."""
    shown = told["breaches"][:SHOWN]
    lines = [
        f"• {escape(RULES.get(breach['code'], breach['code']))}\n"
        f"   {escape(breach['subject'])}: {escape(breach['detail'])}"
        for breach in shown
    ]
    more = told["count"] - len(shown)
    return text(
        "\n".join(
            [
                "🚨 <b>The books do not agree</b>",
                "Openings are stopped; closing works.",
                "",
                *lines,
                *([f"… and {more} more."] if more > 0 else []),
                "",
                "Look at the rows in the admin before anybody resumes trading: this must never happen.",
            ]
        )
    )
