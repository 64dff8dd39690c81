"""The house rules as functions from source text to violations; `test_architecture.py` applies and proves them."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeGuard

PACKAGES = ("vanta", "trading", "risk", "feeds", "adminpanel")
FILE_LINES, FUNCTION_LINES, NESTING, BARE_FUNCTION_LINES = 300, 50, 3, 5
BANNED_MODULES = {"utils", "util", "common", "misc", "helpers", "helper", "data", "info", "manager", "managers"}
PROMISES = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|coming soon|not implemented yet", re.IGNORECASE)
DECIMAL_ONLY = ("risk/", "trading/", "feeds/")
FLOATS_ALLOWED = ("feeds/sources/", "trading/venues/")
READS_ENVIRONMENT = ("vanta/settings.py", "vanta/devservices.py", "vanta/supervisor.py", "vanta/supervision/",
                     "vanta/management/commands/up.py", "vanta/sandbox/", "tests/", "deploy/")  # fmt: skip
DOCUMENTED = re.compile(
    r"^(feeds|risk)/(?!apps)|^trading/(services/|selectors|execution)|^vanta/(?!apps)\w+\.py$|^vanta/(embedded|supervision)/"
)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the checkout, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def functions(self) -> Iterator[Function]:
        """Every function, methods and nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))

    def at(self, node: ast.stmt | ast.expr | ast.ExceptHandler, what: str) -> str:
        """A violation with its place."""
        return f"{self.path}:{node.lineno}: {what}"


def long_files(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{source.path}: {lines} lines, at most {FILE_LINES}"


def length(function: Function) -> int:
    """Lines from `def` to the end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def long_functions(source: Source) -> Iterator[str]:
    for function in source.functions():
        if length(function) > FUNCTION_LINES:
            yield source.at(function, f"{function.name} has {length(function)} lines, at most {FUNCTION_LINES}")


def deep_functions(source: Source) -> Iterator[str]:
    for function in source.functions():
        if (depth := _depth(function.body)) > NESTING:
            yield source.at(function, f"{function.name} is nested {depth} deep, at most {NESTING}")


def _depth(body: list[ast.stmt]) -> int:
    return max((_depth_of(statement) for statement in body), default=0)


def _depth_of(statement: ast.stmt) -> int:
    if not isinstance(statement, BLOCKS):
        return 0
    below = [_depth(part.body) for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))]
    for name in ("body", "orelse", "finalbody"):
        inner: list[ast.stmt] = getattr(statement, name, [])
        is_elif = (
            name == "orelse" and len(inner) == 1 and isinstance(inner[0], ast.If) and isinstance(statement, ast.If)
        )
        below.append(_depth(inner) - is_elif)
    return 1 + max(below)


def floats_near_money(source: Source) -> Iterator[str]:
    if not source.path.startswith(DECIMAL_ONLY) or source.path.startswith(FLOATS_ALLOWED):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield source.at(node, f"float literal {node.value}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield source.at(node, "float(…)")


def swallowed_exceptions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and all(map(_does_nothing, node.body)):
            yield source.at(node, "an exception is swallowed without a word")


def _does_nothing(statement: ast.stmt) -> bool:
    is_ellipsis = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or is_ellipsis


def environment_readers(source: Source) -> Iterator[str]:
    if source.path.startswith(READS_ENVIRONMENT):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id != "os":
            continue
        if node.attr in {"environ", "getenv", "environb"} and not _names_the_settings(source, node):
            yield source.at(node, f"os.{node.attr}: only vanta/settings.py reads the environment")


def _names_the_settings(source: Source, node: ast.Attribute) -> bool:
    return 'setdefault("DJANGO_SETTINGS_MODULE"' in source.text.splitlines()[node.lineno - 1]


def imports_inside_functions(source: Source) -> Iterator[str]:
    for function in source.functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom) and (ours := _imported_from_us(node)):
                yield source.at(node, f"{function.name} imports {', '.join(ours)}: a layer is wrong")


def _imported_from_us(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        names = ["." * node.level + (node.module or "")]
    else:
        names = [alias.name for alias in node.names]
    return [name for name in names if name.startswith(".") or name.split(".")[0] in (*PACKAGES, "tests")]


def sleeping_tests(source: Source) -> Iterator[str]:
    if not source.path.startswith("tests/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"time.sleep", "asyncio.sleep"}:
            yield source.at(node, f"{ast.unparse(node)}: wait on an event, or poll with tests/waiting.py")
        if isinstance(node, ast.ImportFrom) and any(alias.name == "sleep" for alias in node.names):
            yield source.at(node, f"sleep imported from {node.module}")


def vague_names(source: Source) -> Iterator[str]:
    for part in PurePosixPath(source.path).with_suffix("").parts:
        if part in BANNED_MODULES:
            yield f"{source.path}: {part} says nothing about what is in it"


def promises(source: Source) -> Iterator[str]:
    if source.path in {"tests/architecture.py", "tests/test_architecture.py"}:  # they name what is banned
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if match := PROMISES.search(line):
            yield f"{source.path}:{number}: {match[0]}"


def undocumented(source: Source) -> Iterator[str]:
    if not DOCUMENTED.search(source.path):
        return
    if not ast.get_docstring(source.tree) and source.tree.body:
        yield f"{source.path}: a sentence at the top says what the module is for"
    bodies = [source.tree.body, *(node.body for node in source.tree.body if _begins_an_interface(node))]
    for node in (node for body in bodies for node in body):
        if isinstance(node, FUNCTIONS) and _needs_docstring(node):
            yield source.at(node, f"{node.name} has no docstring")


def _begins_an_interface(node: ast.stmt) -> TypeGuard[ast.ClassDef]:
    """A public class that derives from none of ours or Django's: methods of others are documented where they began."""
    if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
        return False
    return {ast.unparse(base) for base in node.bases} <= {"ABC", "Protocol", "Enum", "StrEnum"}


def _needs_docstring(function: Function) -> bool:
    return (
        not function.name.startswith("_") and length(function) > BARE_FUNCTION_LINES and not ast.get_docstring(function)
    )


Rule = Callable[[Source], Iterator[str]]
RULES: tuple[Rule, ...] = (
    long_files,
    long_functions,
    deep_functions,
    floats_near_money,
    swallowed_exceptions,
    environment_readers,
    imports_inside_functions,
    sleeping_tests,
    vague_names,
    promises,
    undocumented,
)
