"""The runbook leaves nothing out of its tables."""

import re

from tests.docs.pages import section

from menshen.contract.dead_letter import RejectReason

PAGE = "docs/runbook.md"


def test_every_reason_of_a_dead_letter_has_a_row_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", section(PAGE, "## Dead letters grow"), re.MULTILINE)
    named = [reason for row in rows for reason in re.findall(r"\w+", row)]
    assert sorted(named) == sorted(RejectReason)
