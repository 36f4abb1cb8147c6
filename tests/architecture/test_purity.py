"""The domains decide; they touch nothing: no clock, no chance, no file, no network, no log."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "services" / "menshen"
PURE = [path for folder in ("contract", "fraud", "loan") for path in sorted((SOURCE / folder).rglob("*.py"))]

WORLDLY_MODULES = frozenset(
    {"time", "random", "secrets", "os", "io", "tempfile", "socket", "urllib", "http", "requests"}
    | {"asyncio", "threading", "multiprocessing", "subprocess", "logging", "structlog", "prometheus_client"}
    | {"faust", "mode", "aiokafka", "kafka", "redis", "sqlalchemy", "sklearn"}
)
WORLDLY_NAMES = frozenset({"uuid.uuid1", "uuid.uuid4", "numpy.random", "np.random"})
CLOCKS = frozenset({"now", "utcnow", "today", "fromtimestamp"})
FILES = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "open", "unlink", "mkdir", "iterdir"})
BUILTINS = frozenset({"open", "print", "input", "id", "hash"})
"""`id` and `hash` differ from process to process."""


def impurities(source: str) -> list[str]:
    return [f"line {line}: {what}" for line, what in sorted(_findings(ast.parse(source)))]


def _findings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(level=level) if level:
                yield node.lineno, "relative import"
            case ast.ImportFrom(module=str() as module, names=names):
                dotted = (f"{module}.{alias.name}" for alias in names)
                yield from ((node.lineno, name) for name in _worldly(module, *dotted)[:1])
            case ast.Import(names=names):
                yield from ((node.lineno, name) for name in _worldly(*(alias.name for alias in names)))
            case ast.Attribute() if _dotted(node) in WORLDLY_NAMES:
                yield node.lineno, _dotted(node)
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS:
                yield node.lineno, f"{name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS | FILES:
                yield node.lineno, f".{name}()"


def _worldly(*names: str) -> list[str]:
    return [name for name in names if name.partition(".")[0] in WORLDLY_MODULES or name in WORLDLY_NAMES]


def _dotted(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_domain_module_touches_nothing_outside(path: Path) -> None:
    assert impurities(path.read_text(encoding="utf-8")) == []


def test_both_domains_are_looked_at() -> None:
    assert {path.relative_to(SOURCE).parts[0] for path in PURE} >= {"contract", "fraud"}


@pytest.mark.parametrize(
    "line",
    [
        "from . import subject",
        "from .subject import Subject",
        "import time",
        "from time import monotonic",
        "import random",
        "import secrets",
        "import os.path",
        "import socket",
        "import asyncio",
        "import logging",
        "import structlog",
        "import faust",
        "from aiokafka import AIOKafkaConsumer",
        "import kafka",
        "import redis.asyncio as redis",
        "from sqlalchemy import select",
        "import sklearn.ensemble",
        "from uuid import uuid4",
        "import uuid\nuuid.uuid1()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.utcnow()",
        "import datetime\ndatetime.date.today()",
        "import numpy as np\nnp.random.default_rng()",
        "from numpy.random import default_rng",
        "open('f')",
        "from pathlib import Path\nPath('f').read_bytes()",
        "from pathlib import Path\nPath('f').open()",
        "print('seen')",
        "hash('device')",
        "def step():\n    import time",
        "if True:\n    from time import time",
    ],
)
def test_the_check_bites(line: str) -> None:
    assert len(impurities(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from uuid import UUID",
        "from datetime import timedelta",
        "import numpy as np\nnp.median([1])",
        "opened = [1]\nopened.append(2)",
        "'import time'  # a text",
        "from menshen.fraud.maths import template",
    ],
)
def test_the_check_lets_pure_code_pass(line: str) -> None:
    assert impurities(line) == []
