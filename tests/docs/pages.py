"""The pages of the repository: their fenced blocks, in order, and what stands outside of them."""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_OURS = frozenset({".venv", ".cache", ".git", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache"})


class Block(NamedTuple):
    """A fenced block: its language, "" where none is given, and its lines as printed."""

    language: str
    text: str


def pages() -> list[Path]:
    """Return every Markdown page, by its path from the root."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not _NOT_OURS & set(path.parts))


@lru_cache
def read(page: Path | str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: Path | str) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(read(page))]


def prose(page: Path | str) -> str:
    return _FENCE.sub("", read(page))


def section(page: Path | str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its rank or above."""
    rank = len(heading) - len(heading.lstrip("#"))
    begin = read(page).index(f"\n{heading}\n") + len(heading) + 2
    following = re.compile(rf"^#{{1,{rank}}} ", re.MULTILINE).search(read(page), begin)
    return read(page)[begin : following.start() if following else None]
