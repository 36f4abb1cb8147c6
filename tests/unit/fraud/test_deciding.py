"""From what stands against somebody to the decision, and what is remembered of it."""

import pytest
from msgspec.structs import replace
from tests.unit.fraud.story import TRANSFER, Story, policy_with

from menshen.contract.assessment import Reason
from menshen.contract.events import Checkpoint, Device
from menshen.contract.verdict import SEVERITY, Decision, Verdict
from menshen.fraud.deciding import (
    ASSURANCE,
    MAX_ALLOWS,
    MAX_ATTEMPTS,
    MAX_REASONS,
    Case,
    answer,
    attempt_key,
    decide,
    is_grave,
    revocation,
    with_allow,
    with_attempt,
    within_attempt,
)
from menshen.fraud.detector import Finding
from menshen.fraud.policy import DecisionPoint, Floor, Thresholds
from menshen.fraud.sighting import Sighting
from menshen.fraud.subject import Attempt, OpenAllow, Seen

POINT = DecisionPoint(
    thresholds=Thresholds(300, 600, 900), lifetime_s=60, challenge="face", expects=("gps|ip",), when_missing="review"
)
POLICY = policy_with(floors=(Floor("MOCKED_LOCATION", 500, "review"), Floor("SHARED_DEVICE", 900, "block")))


def asked(**fields: object) -> Sighting:
    story = Story()
    story.send(Checkpoint, **{**TRANSFER, **fields})
    return story.log[0]


def key(**fields: object) -> bytes:
    event = asked(**fields).event
    assert isinstance(event, Checkpoint)
    return attempt_key(event)


def case(score: int = 0, *findings: tuple[str, int], missing: tuple[str, ...] = (), degraded: bool = False) -> Case:
    found = tuple(Finding(code, doubt_pm, 0, {}) for code, doubt_pm in findings)
    return Case(found, (Reason(code="NEW_DEVICE", points=score),) if score else (), missing, degraded)


@pytest.mark.parametrize(
    ("judged", "decision"),
    [
        (case(), "allow"),
        (case(299), "allow"),
        (case(300), "step_up"),
        (case(900), "block"),
        (case(0, ("MOCKED_LOCATION", 499)), "allow"),
        (case(0, ("MOCKED_LOCATION", 500)), "review"),
        (case(0, ("SHARED_DEVICE", 900)), "block"),
        (case(900, ("MOCKED_LOCATION", 500)), "block"),
        (case(missing=("gps|ip",)), "review"),
        (case(900, missing=("gps|ip",)), "block"),
        (case(missing=(ASSURANCE,)), "step_up"),
        (case(missing=(ASSURANCE, "gps|ip")), "review"),
        (case(700, missing=(ASSURANCE,)), "review"),
        (case(900, degraded=True), "review"),
        (case(0, ("SHARED_DEVICE", 900), degraded=True), "review"),
        (case(300, degraded=True), "step_up"),
        (case(degraded=True), "allow"),
        (replace(case(), exceeded="review"), "review"),
        (replace(case(900), exceeded="review"), "block"),
        (replace(case(degraded=True), exceeded="block"), "review"),
    ],
)
def test_the_gravest_of_score_floors_limits_and_lacks_decides(judged: Case, decision: Decision) -> None:
    assert decide(judged, POINT, POLICY) == decision


def test_only_review_and_block_are_grave() -> None:
    assert [decision for decision in SEVERITY if is_grave(decision)] == ["review", "block"]


def test_each_attempt_has_its_own_key_and_its_parts_do_not_run_together() -> None:
    others: list[dict[str, object]] = [
        {"application_id": "a2"},
        {"attempt": 2},
        {"attempt": 11, "draw_id": "w"},
        {"attempt": 1, "draw_id": "1w"},
        {"draw_id": "w2"},
        {"step": "agreement"},
        {"step": "agreement", "draw_id": None},
    ]
    assert len({key(), *(key(**fields) for fields in others)}) == 1 + len(others)
    unbound = {"event_id": "other", "session_id": "v9", "device_id": "d9", "amount": "9.00", "payee_ref": "p9"}
    assert key(**unbound) == key()


def test_an_attempt_remembers_the_gravest_decision_in_any_order() -> None:
    attempts: tuple[Attempt, ...] = ()
    given = []
    for fresh in ("step_up", "allow", "review", "step_up", "block", "allow"):
        decision = within_attempt(attempts, b"k", fresh)  # type: ignore[arg-type]
        attempts = with_attempt(attempts, Attempt(b"k", decision), claimed=False)
        given.append(decision)
    assert given == ["step_up", "step_up", "review", "review", "block", "block"]
    assert within_attempt(attempts, b"other", "allow") == "allow"


def test_allows_take_no_place_among_the_attempts() -> None:
    attempts = with_attempt((), Attempt(b"grave", "block"), claimed=False)
    for i in range(3 * MAX_ATTEMPTS):
        attempts = with_attempt(attempts, Attempt(b"%d" % i, "allow"), claimed=False)
    assert attempts == (Attempt(b"grave", "block"),)


def test_an_attempt_remembers_the_codes_of_every_answer() -> None:
    attempts: tuple[Attempt, ...] = ()
    for codes in (0b001, 0b100, 0b000):
        attempts = with_attempt(attempts, Attempt(b"k", "review", codes), claimed=False)
    assert attempts == (Attempt(b"k", "review", 0b101),)


def test_the_oldest_attempt_gives_way_but_not_to_a_claim() -> None:
    attempts: tuple[Attempt, ...] = ()
    for i in range(MAX_ATTEMPTS):
        attempts = with_attempt(attempts, Attempt(b"%d" % i, "review"), claimed=False)
    assert with_attempt(attempts, Attempt(b"claim", "block"), claimed=True) == attempts
    raised = with_attempt(attempts, Attempt(b"0", "block"), claimed=True)
    assert within_attempt(raised, b"0", "allow") == "block"
    later = with_attempt(attempts, Attempt(b"more", "review"), claimed=False)
    assert [attempt.key for attempt in later] == [*(b"%d" % i for i in range(1, MAX_ATTEMPTS)), b"more"]


def verdict(event_id: str = "e", expires_ms: int = 1000, **changes: object) -> Verdict:
    sighting = asked(event_id=event_id)
    story = Story()
    whole = answer(sighting, case(), "allow", POINT, story.rules.author)
    return replace(whole, decided_ms=0, expires_ms=expires_ms, **changes)


def test_only_an_applications_allow_is_kept_open_until_it_expires() -> None:
    allow = verdict()
    kept = with_allow((), allow)
    (remembered,) = kept
    for field in set(OpenAllow.__struct_fields__) - {"verdict", "seen"}:
        assert getattr(remembered, field) == getattr(allow, field)
    assert (remembered.verdict_id, remembered.seen) == (allow.verdict_id, None)
    assert [each.seen for each in with_allow((), allow, Seen(2, 1))] == [Seen(2, 1)]
    for other in (replace(allow, decision="step_up"), replace(allow, application_id=None)):
        assert with_allow((), other) == ()
        assert with_allow(kept, replace(other, decided_ms=999)) == kept
        assert with_allow(kept, replace(other, decided_ms=1000)) == ()


def test_allows_of_earlier_steps_give_way_first_and_then_those_that_expire_first() -> None:
    allows: tuple[OpenAllow, ...] = ()
    for event_id, step, expires_ms in (
        ("t1", "fund_transfer", 500),
        ("e1", "eligibility", 9000),
        ("t2", "fund_transfer", 600),
        ("g1", "agreement", 900),
        ("e2", "eligibility", 9500),
    ):
        allows = with_allow(allows, verdict(event_id, expires_ms, step=step))
    assert [(allow.step, allow.expires_ms) for allow in allows] == [
        ("agreement", 900),
        ("fund_transfer", 500),
        ("fund_transfer", 600),
    ]
    assert len(allows) == MAX_ALLOWS


def test_a_challenge_is_named_only_where_one_is_asked_for() -> None:
    author = Story().rules.author
    named = {each: answer(asked(), case(), each, POINT, author).challenge for each in SEVERITY}
    assert named == {"allow": None, "step_up": "face", "review": None, "block": None}


def test_an_answer_gives_the_strongest_reasons_and_the_whole_score() -> None:
    reasons = tuple(Reason(code=f"C{i}", points=100 - i) for i in range(MAX_REASONS + 2))
    given = answer(asked(), Case((), reasons), "block", POINT, Story().rules.author)
    assert given.reasons == reasons[:MAX_REASONS]
    assert given.score == sum(reason.points for reason in reasons)


def test_a_revocation_has_an_id_of_its_own_for_each_allow_and_event() -> None:
    story = Story()
    for _ in range(2):
        story.send(Device)
    allows = [with_allow((), verdict(event_id))[0] for event_id in ("one", "two")]
    ids = [
        revocation(sighting, case(700), "review", allow, story.rules.author).verdict_id
        for sighting in story.log
        for allow in allows
    ]
    assert len(set(ids)) == 4
    again = revocation(story.log[0], case(1), "block", allows[0], story.rules.author).verdict_id
    assert again == ids[0]
