"""The house rules hold in every file, and each rule finds what it is for."""

import os
import re
import statistics
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import PACKAGES, RULES, Rule, Source, length, promises

CHECKOUT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    *("manage.py", "vanta", "trading", "risk", "feeds", "adminpanel", "tests", "requirements.txt", "Procfile"),
    *("README.md", "Makefile", "pyproject.toml", "requirements.in", "requirements-dev.txt", "env.example"),
    *("CHANGELOG.md", "LICENSE", "docs", "deploy"),
}
SETTING = re.compile(r'\b(?:env\.\w+|decimal)\(\s*"([A-Z][A-Z0-9_]*)"')
EXAMPLE_LINE = re.compile(r"^#? ?([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((CHECKOUT / folder).rglob("*.py")) if "migrations" not in path.parts)


@cache
def sources(*folders: str) -> list[Source]:
    """Read and parsed once for all rules."""
    return [Source(path.relative_to(CHECKOUT).as_posix(), path.read_text()) for path in python_files(*folders)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    violations = [found for source in sources(*PACKAGES, "tests", "deploy") for found in rule(source)]

    assert violations == [], "\n" + "\n".join(violations)


def test_templates_and_scripts_promise_nothing_either() -> None:
    pages = [
        path
        for folder in PACKAGES
        for kind in ("html", "js", "css", "lua", "sql")
        for path in (CHECKOUT / folder).rglob(f"*.{kind}")
    ]
    violations = [found for path in pages for found in promises(Source(path.name, path.read_text()))]

    assert violations == []


def test_the_checkout_holds_nothing_beside_the_fixed_top_level() -> None:
    ignored = {line.strip("/ ") for line in (CHECKOUT / ".gitignore").read_text().splitlines()}
    visible = {name for name in os.listdir(CHECKOUT) if not name.startswith(".")}

    assert visible - ignored - TOP_LEVEL == set()


def variables_read() -> set[str]:
    """What the settings, gunicorn's settings and the Procfile take from the environment."""
    settings = SETTING.findall((CHECKOUT / "vanta/settings.py").read_text())
    gunicorn = re.findall(r'environ\.get\("(\w+)"', (CHECKOUT / "deploy/gunicorn.py").read_text())
    procfile = re.findall(r"\$\{?([A-Z_]+)", (CHECKOUT / "Procfile").read_text())
    return {*settings, *gunicorn, *procfile}


def test_env_example_names_every_variable_that_is_read_and_no_other() -> None:
    explained = set(EXAMPLE_LINE.findall((CHECKOUT / "env.example").read_text()))

    assert variables_read() - explained == set(), "read but not explained"
    assert explained - variables_read() == set(), "explained but read by nobody"


def test_sizes_are_reported() -> None:
    """No limit on the medians; `pytest -rP tests/test_architecture.py` shows them."""
    files = [source for source in sources(*PACKAGES) if source.text]
    lines = statistics.median(len(source.text.splitlines()) for source in files)
    functions = statistics.median(length(function) for source in files for function in source.functions())
    print(f"{len(files)} files; medians: {lines} lines a file, {functions} a function")  # noqa: T201


def nested(depth: int) -> str:
    return (
        "def deep(x):\n"
        + "".join("    " * (n + 1) + "if x:\n" for n in range(depth))
        + "    " * (depth + 1)
        + "return 1\n"
    )


# path, a text that breaks the rule, a text that is fine
SNIPPETS = {
    "long_files": ("risk/long.py", "x = 1\n" * 301, "x = 1\n" * 300),
    "long_functions": (
        "risk/long.py",
        "def long():\n" + "    x = 1\n" * 50,
        "def long():\n" + "    x = 1\n" * 49,
    ),
    "deep_functions": ("risk/deep.py", nested(4), nested(3)),
    "floats_near_money": ("risk/margin.py", "FEE = 0.1\n", 'FEE = Decimal("0.1")\n'),
    "swallowed_exceptions": (
        "vanta/quiet.py",
        "try:\n    x = 1\nexcept Exception:\n    pass\n",
        "try:\n    x = 1\nexcept KeyError:\n    x = 2  # the default\n",
    ),
    "environment_readers": (
        "feeds/reader.py",
        "import os\nKEY = os.environ['KEY']\n",
        'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "vanta.settings")\n',
    ),
    "imports_inside_functions": (
        "risk/late.py",
        "def late():\n    from trading.models import Order\n    return Order\n",
        "def late():\n    import json\n    return json\n",
    ),
    "sleeping_tests": ("tests/test_slow.py", "import time\ntime.sleep(1)\n", "import time\ntime.monotonic()\n"),
    "vague_names": ("risk/utils.py", "", None),
    "promises": ("risk/later.py", "x = 1  # TODO: the rest\n", "x = 1  # the rest is in later.py\n"),
    "undocumented": (
        "risk/silent.py",
        '"""Silent."""\n\n\ndef public():\n' + "    x = 1\n" * 5,
        '"""Silent."""\n\n\ndef public():\n    """Say so."""\n' + "    x = 1\n" * 5,
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_it_is_for_and_lets_the_rest_be(rule: Rule) -> None:
    path, bad, good = SNIPPETS[rule.__name__]

    assert len(list(rule(Source(path, bad)))) == 1
    assert good is None or list(rule(Source(path, good))) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("risk/margin.py", "x = float(y)"),
        ("trading/outbox.py", "PAUSE = 1e3"),
        ("tests/test_x.py", "from asyncio import sleep"),
        ("vanta/health.py", "import os\nos.getenv('X')"),
        ("risk/a.py", "def f():\n    from . import b"),
        ("risk/a.py", "def f():\n    import feeds.consensus"),
        ("vanta/a.py", "try:\n    f()\nexcept OSError:\n    ..."),
        ("feeds/sources/helpers.py", ""),
    ],
)
def test_other_ways_to_break_a_rule_are_found_too(path: str, text: str) -> None:
    broken = [found for rule in RULES for found in rule(Source(path, text)) if "sentence at the top" not in found]

    assert len(broken) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("feeds/sources/coingecko.py", "TIMEOUT = 1.5"),
        ("trading/venues/avantis.py", "x = float(y)"),
        ("vanta/settings.py", "import os\nos.environ['X']"),
        ("vanta/sandbox/market.py", "import time\ntime.sleep(1)"),
        (
            "trading/ladder.py",
            """
            def ladder(x):
                if x == 1:
                    return 1
                elif x == 2:
                    return 2
                elif x == 3:
                    return 3
                elif x == 4:
                    for y in x:
                        return y
            """,
        ),
    ],
)
def test_exceptions_that_the_rules_make_are_let_be(path: str, text: str) -> None:
    broken = [found for rule in RULES for found in rule(Source(path, textwrap.dedent(text))) if "sentence" not in found]

    assert broken == []
