"""The gate opens for exactly what was asked and answered, and a failure tells what to do."""

from typing import Any

import pytest
from msgspec.structs import replace

from menshen.client import NotSent, opens
from menshen.contract.events import Checkpoint
from menshen.contract.verdict import BOUND, Verdict

NOW_MS = 1_000_000
BOUND_TO: dict[str, Any] = {
    "subject_id": "s",
    "session_id": "v",
    "application_id": "a",
    "step": "fund_transfer",
    "attempt": 1,
    "draw_id": "d",
    "payee_ref": "p",
    "device_id": "phone",
    "currency": "CNY",
}
ASKED = Checkpoint(
    **BOUND_TO,
    amount="5000.00",
    event_id="e",
    seq=0,
    occurred_ms=0,
    received_ms=0,
    assurance="authenticated",
    product_id="loan",
)
ALLOW = Verdict(
    **BOUND_TO,
    amount_max="5000.00",
    verdict_id="i",
    kind="gate",
    event_id="e",
    decision="allow",
    score=0,
    decided_ms=0,
    expires_ms=NOW_MS + 1,
)
OTHERS = {
    **dict.fromkeys(BOUND_TO, "other"),
    "step": "agreement",
    "attempt": 2,
    "currency": "USD",
}


def test_the_allow_that_answers_the_question_opens() -> None:
    assert opens(ALLOW, ASKED, NOW_MS)


def test_every_field_that_a_verdict_is_bound_to_is_looked_at() -> None:
    assert {*BOUND_TO, "amount_max"} == {"subject_id", *BOUND}


@pytest.mark.parametrize("name", BOUND_TO)
def test_an_allow_for_anything_else_opens_nothing(name: str) -> None:
    assert not opens(replace(ALLOW, **{name: OTHERS[name]}), ASKED, NOW_MS)


@pytest.mark.parametrize("name", sorted(set(BOUND_TO) - {"subject_id", "session_id"}))
def test_an_allow_that_leaves_open_what_it_is_for_opens_nothing(name: str) -> None:
    assert not opens(replace(ALLOW, **{name: None}), ASKED, NOW_MS)


def test_less_than_allowed_goes_through_and_a_cent_more_does_not() -> None:
    assert opens(ALLOW, replace(ASKED, amount="999.99"), NOW_MS)
    assert not opens(ALLOW, replace(ASKED, amount="5000.01"), NOW_MS)
    assert not opens(ALLOW, replace(ASKED, amount="10000.00"), NOW_MS)


def test_an_allow_without_an_amount_opens_no_transfer() -> None:
    assert not opens(replace(ALLOW, amount_max=None), ASKED, NOW_MS)


def test_a_step_without_money_needs_no_amount() -> None:
    asked = replace(ASKED, step="eligibility", amount=None, currency=None)
    assert opens(replace(ALLOW, step="eligibility", amount_max=None, currency=None), asked, NOW_MS)


def test_an_allow_is_void_from_the_millisecond_of_its_expiry() -> None:
    assert opens(ALLOW, ASKED, ALLOW.expires_ms - 1)
    assert not opens(ALLOW, ASKED, ALLOW.expires_ms)


@pytest.mark.parametrize("decision", ["step_up", "review", "block"])
def test_no_other_decision_opens(decision: Any) -> None:
    assert not opens(replace(ALLOW, decision=decision), ASKED, NOW_MS)


@pytest.mark.parametrize("kind", ["login", "revoke"])
def test_no_other_kind_of_verdict_opens(kind: Any) -> None:
    assert not opens(replace(ALLOW, kind=kind), ASKED, NOW_MS)


def test_what_was_not_sent_says_which_events_and_that_they_may_be_sent_again() -> None:
    failure = NotSent(["e1", "e2"], TimeoutError("no answer"))
    assert failure.event_ids == ("e1", "e2")
    assert str(failure) == "2 not acknowledged, the first is e1: no answer; safe to send again"
