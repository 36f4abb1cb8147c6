from msgspec.structs import replace

from menshen.contract.assessment import Assessment, Reason
from menshen.contract.dead_letter import RejectReason
from menshen.contract.verdict import Decision, Verdict
from menshen.demo.checking import Check, Played, check
from menshen.demo.scenarios import SCENARIOS
from menshen.demo.story import ALLOWED, QUIET, Expected, Line, expect


def line(expected: Expected | RejectReason | None) -> Line:
    return Line(0, "s", "v", b"", expected=expected)


def verdict(decision: Decision, *codes: str) -> Verdict:
    reasons = tuple(Reason(code=code, points=1) for code in codes)
    said = {"verdict_id": "v", "kind": "login", "event_id": "e", "subject_id": "s", "session_id": "v"}
    return Verdict(**said, decision=decision, score=0, decided_ms=0, expires_ms=1, reasons=reasons)


def answered(expected: Expected, answer: Verdict) -> Check:
    (one,) = check("story", [Played(line(expected), verdict=answer, rejection=None)])
    return one


def test_the_very_decision_and_the_very_reasons_hold() -> None:
    assert answered(expect("step_up", "NEW_DEVICE"), verdict("step_up", "NEW_DEVICE")).held
    assert not answered(expect("step_up", "NEW_DEVICE"), verdict("review", "NEW_DEVICE")).held
    assert not answered(expect("step_up", "NEW_DEVICE"), verdict("step_up")).held
    assert not answered(expect("step_up", "NEW_DEVICE"), verdict("step_up", "NEW_DEVICE", "FAILED_LOGINS")).held


def test_the_learned_score_may_add_its_own_to_a_fraud_but_calls_no_honest_customer_risky() -> None:
    assert answered(expect("block", "NEW_DEVICE"), verdict("block", "NEW_DEVICE", "LEARNED_RISK", "ANOMALY")).held
    assert answered(QUIET, verdict("allow", "ANOMALY")).held
    assert not answered(QUIET, verdict("allow", "LEARNED_RISK")).held
    assert not answered(ALLOWED, verdict("allow", "LEARNED_RISK")).held


def test_a_verdict_given_with_a_part_out_of_order_does_not_count() -> None:
    assert not answered(ALLOWED, replace(verdict("allow"), degraded=True)).held


def test_a_dead_letter_must_have_the_very_reason() -> None:
    expected = line(RejectReason.MALFORMED)
    right, wrong, silent = check("s", [Played(expected, rejection=why) for why in ("MALFORMED", "INVALID", None)])
    assert (right.held, wrong.held, silent.held) == (True, False, False)
    assert silent.got == "nothing came"


def test_an_event_that_ends_among_the_dead_letters_fails_its_expectation() -> None:
    (one,) = check("story", [Played(line(ALLOWED), rejection="MISROUTED")])
    assert (one.held, one.got) == (False, "MISROUTED")


def test_an_assessment_alone_does_not_answer_a_question() -> None:
    asked = next(one for one in SCENARIOS[0].lines(0) if one.answered_by_verdict)
    told = {"assessment_id": "a", "event_id": "e", "event_type": "login", "subject_id": "s", "session_id": "v"}
    assessed = Played(asked, assessment=Assessment(**told, offset=0, appended_ms=0, score=0))
    assert not assessed.answered
    assert replace(assessed, verdict=verdict("allow")).answered


def test_a_line_that_expects_nothing_is_not_checked() -> None:
    assert check("story", [Played(line(None))]) == ()
