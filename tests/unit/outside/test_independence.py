"""The proof from outside is from outside: nothing in it comes from the program that it watches."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OUTSIDE = Path(__file__).parents[2] / "outside"
MODULES = sorted(OUTSIDE.rglob("*.py"))
TAKEN = {"confluent_kafka", "cryptography", "tests.outside"}


def foreign(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level):
                imported = ["." * level + (module or "")]
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
                imported = ["what is named at run time"]
            case _:
                continue
        yield from (name for name in imported if not _taken(name))


def _taken(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names or any(f"{name}.".startswith(f"{t}.") for t in TAKEN)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_proof_imports_nothing_of_ours(path: Path) -> None:
    assert list(foreign(path.read_text())) == []


def test_the_proof_is_looked_at() -> None:
    assert {"generator.py", "counter.py", "comparison.py"} <= {path.name for path in MODULES}


@pytest.mark.parametrize(
    "line",
    [
        "import menshen",
        "from menshen.contract import topics",
        "import menshen.contract.decoding as decoding",
        "from tests.servers.kafka import Kafka",
        "from . import manifest",
        "import msgspec",
        "def late():\n    from menshen.shell import kafka",
        "__import__('menshen')",
        "import importlib\nimportlib.import_module('menshen')",
    ],
)
def test_the_check_bites(line: str) -> None:
    assert len(list(foreign(line))) == 1
