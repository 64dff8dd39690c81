"""The matrix for people and for machines."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

Cell = dict[str, Any]


def matrix(recorded: Sequence[Cell], played: Sequence[Cell], *, seconds: float) -> dict[str, Any]:
    """Counts by scenario, and every cell that is not as it must be; paths that nobody disturbed count too."""
    wrong = [cell for cell in [*recorded, *played] if cell["wrong"]]
    unreached = [cell for cell in played if not cell["killed"]]
    scenarios = {
        told["scenario"]: {
            "steps": len(told["steps"]),
            "cells": sum(cell["scenario"] == told["scenario"] for cell in played),
            "killed": sum(cell["scenario"] == told["scenario"] and cell["killed"] for cell in played),
            "wrong": sum(cell["scenario"] == told["scenario"] for cell in wrong),
            "most_rounds": max([cell["rounds"] for cell in played if cell["scenario"] == told["scenario"]], default=0),
        }
        for told in recorded
    }
    return {
        "seconds": round(seconds, 1),
        "cells": len(played),
        "killed": len(played) - len(unreached),
        "wrong": wrong,
        "unreached": unreached,
        "scenarios": scenarios,
        "labels": dict(Counter(label for told in recorded for label in told["steps"]).most_common()),
    }


def text(told: dict[str, Any]) -> str:
    """A table with a line a scenario, then what is wrong."""
    lines = [f"{'scenario':<16}{'steps':>7}{'cells':>7}{'killed':>8}{'wrong':>7}{'rounds':>8}"]
    lines += [
        f"{name:<16}{row['steps']:>7}{row['cells']:>7}{row['killed']:>8}{row['wrong']:>7}{row['most_rounds']:>8}"
        for name, row in told["scenarios"].items()
    ]
    lines.append(f"{told['cells']} cells, {told['killed']} killed, {len(told['wrong'])} wrong, {told['seconds']} s")
    for cell in told["wrong"][:50]:
        place = f"{cell['when']} step {cell['step']} ({cell['label']})" if "step" in cell else "undisturbed"
        lines += [f"  {cell['scenario']}, {place}:", *(f"      {sentence}" for sentence in cell["wrong"])]
    return "\n".join(lines) + "\n"
