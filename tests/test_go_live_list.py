"""Every box of the go-live list is a test or a check of preflight that is there, and is named alike."""

import ast
import re
from pathlib import Path

from adminpanel.preflight.checks import checks

CHECKOUT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| ([a-zA-Z -]+) \| (.*`.*) \|$", re.MULTILINE)
BOXES = {
    *("emergency stop", "rate limiting", "price fallback", "admin permissions", "graceful shutdown"),
    *("health endpoints", "position size", "leverage", "liquidation buffer", "daily loss", "account risk"),
    *("supervised restart", "trace id", "multi-source prices", "Redis limits", "health checks"),
}
STEM = 5


def section(title: str) -> str:
    """The runbook's text under a heading of the second or third level."""
    text = (CHECKOUT / "docs/operations.md").read_text()
    return text.partition(f"# {title}\n")[2].partition("\n## ")[0]


def boxes() -> dict[str, list[str]]:
    """What stands for each box: `path::test`, or the name of a check."""
    return {box: re.findall(r"`([^`]+)`", proofs) for box, proofs in ROW.findall(section("What stands for each box"))}


def is_there(proof: str) -> bool:
    path, _, name = proof.partition("::")
    if not name:
        return proof in {check.name for check in checks()}
    tree = ast.parse((CHECKOUT / path).read_text())
    return name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_box_has_a_row_of_its_own() -> None:
    assert set(boxes()) == BOXES


def test_what_stands_for_a_box_is_there() -> None:
    assert [proof for proofs in boxes().values() for proof in proofs if not is_there(proof)] == []


def test_it_is_named_alike() -> None:
    unlike = []
    for box, proofs in boxes().items():
        stems = [word[:STEM].lower() for word in re.split(r"[ -]", box)]
        if not any(all(stem in proof.lower() for stem in stems) for proof in proofs):
            unlike.append(box)
    assert unlike == []


def test_the_runbook_explains_every_check_and_no_other() -> None:
    explained = re.findall(r"^\| `([a-z-]+)` \|", section("Preflight"), re.MULTILINE)

    assert explained == [check.name for check in checks()]
