"""The matrix for people and for machines."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

Cell = dict[str, Any]


def matrix(recorded: Sequence[Cell], played: Sequence[Cell], *, seconds: float) -> dict[str, Any]:
    """Counts by row, and every cell that is not as it must be; paths that nobody disturbed count too."""
    wrong = [cell for cell in [*recorded, *played] if cell["wrong"]]
    steps = {told["scenario"]: len(told["steps"]) for told in recorded}
    rows = {row_of(told): told["scenario"] for told in [*recorded, *played]}
    return {
        "seconds": round(seconds, 1),
        "steps": sum(steps.values()),
        "cells": len(played),
        "struck": sum(cell["struck"] for cell in played),
        "represented": sum(cell.get("represents", 0) for cell in played),
        "wrong": wrong,
        "unreached": [cell for cell in played if not cell["struck"]],
        "rows": {
            row: {"steps": steps[scenario], **_counts([cell for cell in played if row_of(cell) == row])}
            | {"wrong": sum(row_of(cell) == row for cell in wrong)}
            for row, scenario in rows.items()
        },
        "labels": dict(Counter(label for told in recorded for label in told["steps"]).most_common()),
    }


def row_of(cell: Cell) -> str:
    """The scenario and the drill in it, where there is one: without, somebody is killed."""
    return ": ".join(filter(None, (cell["scenario"], cell.get("drill"))))


def _counts(cells: Sequence[Cell]) -> dict[str, int]:
    return {
        "cells": len(cells),
        "represented": sum(cell.get("represents", 0) for cell in cells),
        "struck": sum(cell["struck"] for cell in cells),
        "most_rounds": max([cell["rounds"] for cell in cells], default=0),
        "seconds": round(sum(cell["seconds"] for cell in cells)),
    }


def text(told: dict[str, Any]) -> str:
    """A table with a line a row, then what is wrong.

    Struck is who was killed, or stopped for a drill, in its place; represented are places that were not played because
    cells of this row stand for them (`places`). A cell that was not struck shows nothing, and is told of apart.
    """
    width = max(map(len, told["rows"])) + 2
    lines = [f"{'row':<{width}}{'steps':>7}{'cells':>7}{'represented':>13}{'struck':>8}{'wrong':>7}{'rounds':>8}"]
    lines += [
        f"{name:<{width}}{row['steps']:>7}{row['cells']:>7}{row['represented']:>13}{row['struck']:>8}"
        f"{row['wrong']:>7}{row['most_rounds']:>8}"
        for name, row in told["rows"].items()
    ]
    lines.append(
        f"{told['steps']} steps; {told['cells']} cells, which represent {told['represented']} others; "
        f"{told['struck']} struck, {len(told['unreached'])} not, {len(told['wrong'])} wrong; {told['seconds']} s"
    )
    lines += [f"  {_place(cell)}: not struck, its path ended before" for cell in told["unreached"][:50]]
    for cell in told["wrong"][:50]:
        lines += [f"  {_place(cell)}:", *(f"      {sentence}" for sentence in cell["wrong"])]
    return "\n".join(lines) + "\n"


def _place(cell: Cell) -> str:
    place = f"{cell['when']} step {cell['step']} ({cell['label']})" if "step" in cell else "undisturbed"
    return f"{row_of(cell)}, {place}"
