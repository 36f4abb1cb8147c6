"""Markdown tables."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by `make docs`; edits here are lost. -->\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell does not end it."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)
