"""The page of the API names every operation with its roles, and every problem."""

from pathlib import Path
from typing import get_args

from menshen.onboard.api.keys import Role
from menshen.onboard.api.openapi import document
from menshen.onboard.api.problems import CATALOGUE

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parents[4] / "docs" / "api.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


def test_the_page_says_who_may_do_what() -> None:
    roles = get_args(Role)
    said = {
        row[0].strip("`"): {r for r, cell in zip(roles, row[1:], strict=True) if cell}
        for row in ROWS
        if "/v1" in row[0]
    }
    operations = ((f"{v.upper()} {path}", o) for path, verbs in document()["paths"].items() for v, o in verbs.items())
    assert said == {name: set(operation["x-roles"]) for name, operation in operations}


def test_the_page_has_every_problem_and_no_other() -> None:
    said = [row for row in ROWS if "/v1" not in row[0]]
    assert said == [[f"`{slug}`", str(kind.status), kind.title, kind.advice] for slug, kind in CATALOGUE.items()]
