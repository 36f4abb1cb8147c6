"""The code keeps a shape that can be read: small modules, short functions, few files a folder, telling names."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

SOURCE = Path(__file__).parents[2] / "services" / "menshen"
MIGRATIONS = "onboard/sql/migrations/versions/"
"""Written by Alembic once, and never changed: a list of tables is as long as it is."""
MODULES = {
    name: path.read_text(encoding="utf-8")
    for path in SOURCE.rglob("*.py")
    if not (name := path.relative_to(SOURCE).as_posix()).startswith(MIGRATIONS)
}

LONGEST_MODULE = 400
LONGEST_BODY = 40
MOST_FILES = 12
GROWING = ("fraud/detectors/",)
"""Where one more file is one more detector: as many as it takes."""
EMPTY_WORDS = frozenset({"utils", "util", "common", "helpers", "helper", "misc", "manager", "base", "data", "info"})
REGISTRY = "fraud/detectors/__init__.py"


def flaws(name: str, source: str) -> list[str]:
    return [*_empty_words(name), *_too_long(source), *_undescribed(name, source)]


def _empty_words(name: str) -> Iterator[str]:
    for part in PurePosixPath(name).with_suffix("").parts:
        if set(part.split("_")) & EMPTY_WORDS or part.endswith("_service"):
            yield f"{part} is a name for anything"


def _too_long(source: str) -> Iterator[str]:
    if source.count("\n") > LONGEST_MODULE:
        yield f"more than {LONGEST_MODULE} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _n_body_lines(node) > LONGEST_BODY:
            yield f"{node.name} has more than {LONGEST_BODY} lines"


def _n_body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0  # type: ignore[operator]


def _undescribed(name: str, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    if tree.body and not ast.get_docstring(tree):
        yield "no docstring"
    if name.endswith("__init__.py") and name != REGISTRY and len(tree.body) > 1:
        yield "an __init__ is empty or one sentence"


def crowded(names: list[str]) -> list[str]:
    counted = Counter(str(PurePosixPath(name).parent) for name in names if not name.endswith("__init__.py"))
    return [folder for folder, n in counted.items() if n > MOST_FILES and not f"{folder}/".startswith(GROWING)]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_has_a_readable_shape(name: str) -> None:
    assert flaws(name, MODULES[name]) == []


def test_no_folder_is_crowded() -> None:
    assert crowded(list(MODULES)) == []


SENTENCE = '"""One thing."""\n'
LONG_BODY = SENTENCE + "def step():\n" + "    x = 1\n" * (LONGEST_BODY + 1)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("fraud/utils.py", SENTENCE),
        ("fraud/redis_helpers.py", SENTENCE),
        ("common/events.py", SENTENCE),
        ("fraud/scoring_service.py", SENTENCE),
        ("fraud/subject.py", SENTENCE + "x = 1\n" * LONGEST_MODULE),
        ("fraud/subject.py", LONG_BODY),
        ("fraud/subject.py", LONG_BODY.replace("def", "async def")),
        ("fraud/subject.py", "x = 1\n"),
        ("fraud/__init__.py", SENTENCE + "import menshen\n"),
    ],
)
def test_the_check_bites(name: str, source: str) -> None:
    assert len(flaws(name, source)) == 1


def test_the_check_of_folders_bites_and_lets_detectors_grow() -> None:
    n = MOST_FILES + 1
    assert crowded([f"shell/part{i}.py" for i in range(n)]) == ["shell"]
    assert crowded([f"fraud/detectors/device/part{i}.py" for i in range(n)]) == []


def test_the_check_lets_a_plain_module_pass() -> None:
    long_docstring = SENTENCE + 'def step():\n    """Say much.\n' + "\n    More.\n" * 30 + '    """\n    return 1\n'
    assert flaws("fraud/database_rows.py", long_docstring) == []
