"""The page on performance says what the code holds a run to."""

import re

from tests.bench.limits import CPU_US
from tests.docs.pages import section

from menshen.bench.crowd import SHARES
from menshen.bench.stages import BUDGET_US
from menshen.fraud.detectors import DETECTORS

PAGE = "docs/performance.md"


def test_the_budgets_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([0-9.]+) \|", section(PAGE, "## The budget of a stage"), re.MULTILINE)
    assert [(name, float(us)) for name, us in rows] == list(BUDGET_US.items())


def test_the_budgets_together_are_what_one_event_may_cost() -> None:
    assert sum(BUDGET_US.values()) <= CPU_US + 0.01
    assert {detector.name for detector in DETECTORS} <= BUDGET_US.keys()


def test_the_contestants_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section(PAGE, "## The contestants of `make bench`"), re.MULTILINE)
    assert rows == ["floor", "floor_with_state", "menshen", "stock_faust", "quix_streams"]


def test_the_load_is_the_one_of_the_page() -> None:
    assert {family: round(100 * share) for family, share in SHARES.items()} == {
        "checkpoint": 2, "login": 8, "pointer": 50, "location": 18, "keystroke": 12, "device": 10
    }  # fmt: skip
