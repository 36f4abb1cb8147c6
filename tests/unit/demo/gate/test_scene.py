import json

import pytest

from menshen.demo.gate.lender import Reply
from menshen.demo.gate.scenarios import GATE_SCENARIOS
from menshen.demo.gate.scene import standing
from menshen.demo.scenarios import SCENARIOS
from menshen.demo.story import ALLOWED, expect
from menshen.onboard.api.told import GateTold


def gate(state: str, decision: str | None = None, *codes: str, degraded: bool = False) -> GateTold:
    """Return a gate as the API tells it."""
    verdict = decision and {
        "verdict_id": "v",
        "kind": "gate",
        "attempt": 1,
        "decision": decision,
        "score": 320,
        "reasons": [{"code": code, "points": 320, "evidence": {}} for code in codes],
        "missing": [],
        "challenge": None,
        "degraded": degraded,
        "decided_ms": 0,
        "expires_ms": 1,
    }
    names = {"application_id": "a", "step": "eligibility", "draw_id": None, "payee_ref": None}
    money = {"amount": None, "currency": None}
    stands = {"state": state, "meaning": "", "attempt": 1, "attempts_left": 2, "awaits": None, "messages": []}
    return GateTold.model_validate(names | money | stands | {"verdict": verdict})


def test_a_gate_stands_as_it_has_to_where_state_decision_and_reasons_agree() -> None:
    stepped_up = standing(gate("proving", "step_up", "NEW_DEVICE"), "proving", expect("step_up", "NEW_DEVICE"))
    assert stepped_up.held
    assert (stepped_up.got, stepped_up.outcome, stepped_up.score) == ("proving, step_up NEW_DEVICE", "proving", 320)


@pytest.mark.parametrize(
    "told",
    [
        gate("asked"),
        gate("open"),
        gate("refused", "allow"),
        gate("open", "review"),
        gate("open", "allow", "NEW_DEVICE"),
        gate("open", "allow", degraded=True),
    ],
)
def test_any_other_state_decision_reason_or_a_part_out_of_order_falls_short(told: GateTold) -> None:
    assert not standing(told, "open", ALLOWED).held


def test_a_problem_is_told_by_its_name() -> None:
    problem = json.dumps({"type": "urn:menshen:problem:contradiction"}).encode()
    assert Reply(409, problem).in_words == "409 contradiction"
    assert Reply(202, b"{}").in_words == "202"


def test_no_two_stories_have_one_name_and_each_says_what_it_is_about() -> None:
    names = [story.name for story in (*SCENARIOS, *GATE_SCENARIOS)]
    assert len(set(names)) == len(names)
    assert all(story.text.endswith(".") and "\n" not in story.text for story in GATE_SCENARIOS)
