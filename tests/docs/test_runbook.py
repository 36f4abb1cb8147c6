"""The runbook leaves nothing out of its tables."""

import re
from pathlib import Path

from tests.docs.pages import section

from menshen.contract.dead_letter import RejectReason

PAGE = "docs/runbook.md"


def test_every_reason_of_a_dead_letter_has_a_row_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", section(PAGE, "## Dead letters grow"), re.MULTILINE)
    named = [reason for row in rows for reason in re.findall(r"\w+", row)]
    assert sorted(named) == sorted(RejectReason)


def test_every_proof_of_a_promise_exists() -> None:
    targets = re.findall(r"^([a-z]+):", Path("Makefile").read_text(), re.MULTILINE)
    for row in re.findall(
        r"^\| .* \| (.*) \|$", section(PAGE, "## What is promised, and what proves it"), re.MULTILINE
    )[1:]:
        for proof in row.split("; "):
            place, *names = re.findall(r"`([^`]+)`", proof)
            if place.startswith("make "):
                assert place.removeprefix("make ") in targets, place
                continue
            source = Path(place).read_text()
            assert names, f"{place}: which test?"
            for name in names:
                assert re.search(rf"^(async )?def {name}", source, re.MULTILINE), f"{place} has no {name}"
