"""An allow is taken back while it is open, where somebody who can be believed gives grave cause."""

from msgspec.structs import replace
from tests.unit.fraud.story import FARM, TRANSFER, codes, known_customer

from menshen.contract.events import Checkpoint, Device, Login


def test_a_grave_doubt_takes_back_an_open_allow_once() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    (revoked,) = story.send(Device, observed=FARM).verdicts
    assert (revoked.kind, revoked.revokes, revoked.decision) == ("revoke", allow.verdict_id, "review")
    for field in ("subject_id", "application_id", "step", "attempt", "draw_id"):
        assert getattr(revoked, field) == getattr(allow, field)
    assert (revoked.expires_ms, revoked.score, codes(revoked)) == (allow.expires_ms, 700, {"SHARED_DEVICE"})
    assert story.send(Device, observed=FARM).verdicts == ()


def test_an_allow_that_has_expired_is_not_taken_back() -> None:
    for wait_s, n_revoked in ((119, 1), (120, 0)):
        story = known_customer()
        story.verdict(Checkpoint, **TRANSFER)
        assert len(story.send(Device, observed=FARM, after_s=wait_s).verdicts) == n_revoked


def test_a_mere_claim_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    outcome = story.send(Device, observed=FARM, assurance="claimed", session_id="x")
    assert outcome.assessment is not None
    assert (outcome.assessment.score, outcome.verdicts) == (700, ())
    assert len(story.send(Device, observed=FARM).verdicts) == 1


def test_a_light_doubt_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    assert story.send(Device, observed=replace(FARM, device_subjects_1h=4)).verdicts == ()


def test_what_another_visit_did_not_send_takes_nothing_back() -> None:
    story = known_customer()
    story.verdict(Checkpoint, **TRANSFER)
    story.send(Login, session_id="v2")
    (answer,) = story.send(Checkpoint, **{**TRANSFER, "draw_id": "w2"}, session_id="v2").verdicts
    assert (answer.kind, answer.decision, answer.missing) == ("gate", "review", ("device", "gps|ip"))


def test_a_question_that_is_answered_gravely_takes_back_the_earlier_allow_too() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    revoked, answer = story.send(Checkpoint, **TRANSFER, observed=FARM).verdicts
    assert (revoked.revokes, revoked.kind, answer.kind, answer.decision) == (
        allow.verdict_id,
        "revoke",
        "gate",
        "review",
    )
    assert len({allow.verdict_id, revoked.verdict_id, answer.verdict_id}) == 3


def test_a_transfers_allow_can_still_be_taken_back_after_many_allows_of_earlier_steps() -> None:
    story = known_customer()
    allow = story.verdict(Checkpoint, **TRANSFER)
    for i in range(5):
        story.verdict(Checkpoint, step="eligibility", application_id=f"b{i}")
    assert allow.verdict_id in {verdict.revokes for verdict in story.send(Device, observed=FARM).verdicts}
