"""Who may move what: whom nobody vouches for, and what comes late, make nothing better and lock nobody out."""

from tests.unit.fraud.story import CROWD, FARM, MINUTE_S, TRANSFER, Story, codes, known_customer

from menshen.contract.events import Challenge, Checkpoint, Device, Location, Login


def test_a_checkpoint_that_nobody_vouches_for_is_asked_for_one_more_proof() -> None:
    story = known_customer()
    verdict = story.verdict(Checkpoint, **TRANSFER, assurance="claimed")
    assert (verdict.decision, verdict.missing, verdict.challenge) == ("step_up", ("assurance",), "face")
    assert story.verdict(Checkpoint, step="eligibility", assurance="claimed").decision == "step_up"
    assert story.verdict(Checkpoint, **TRANSFER, attempt=2).decision == "allow"


def test_claims_of_strangers_do_not_lock_the_customer_out() -> None:
    story = known_customer()
    for i in range(100):
        story.send(Device, assurance="claimed", session_id=f"x{i}", device_id=f"x{i}", observed=FARM, after_s=0)
        story.send(Login, outcome="failed", assurance="claimed", session_id=f"x{i}", device_id=f"x{i}", after_s=0)
    assert story.verdict(Checkpoint, **TRANSFER).decision == "allow"
    later = story.verdict(Login, session_id="v3", after_s=MINUTE_S)
    assert codes(later) == {"FAILED_LOGINS"}
    assert later.decision in ("allow", "step_up")
    story.send(Challenge, method="otp", session_id="v3")
    assert story.verdict(Login, session_id="v3").decision == "allow"


def test_claims_do_not_push_out_the_doubts_about_a_vouched_session() -> None:
    story = known_customer()
    story.send(Device, observed=CROWD)
    before = story.verdict(Checkpoint, attempt=1)
    for i in range(20):
        story.send(Device, observed=FARM, assurance="claimed", session_id=f"x{i}", after_s=0)
    after = story.verdict(Checkpoint, attempt=2)
    assert codes(before) == codes(after) == {"SHARED_DEVICE"}
    assert before.decision == after.decision == "step_up"


def test_a_doubt_raised_before_the_login_weighs_after_it() -> None:
    story = known_customer()
    story.send(Device, observed=FARM, assurance="claimed", session_id="v2")
    story.visit(session_id="v2")
    for i in range(20):
        story.send(Device, observed=FARM, assurance="claimed", session_id=f"x{i}", after_s=0)
    assert codes(story.verdict(Checkpoint, session_id="v2")) == {"SHARED_DEVICE"}


def test_claims_add_no_evidence_to_a_visit_that_is_vouched_for() -> None:
    story = Story()
    story.send(Login)
    story.send(Device, assurance="claimed")
    story.send(Location, assurance="claimed")
    assert story.verdict(Checkpoint, **TRANSFER).missing == ("device", "gps|ip")


def test_whoever_logs_in_vouches_for_what_the_visit_sent_before() -> None:
    story = known_customer()
    story.send(Device, assurance="claimed", session_id="v2")
    story.send(Location, assurance="claimed", session_id="v2")
    story.send(Login, session_id="v2")
    assert story.verdict(Checkpoint, **TRANSFER, session_id="v2").missing == ()


def test_late_evidence_is_no_evidence_but_may_raise_a_doubt() -> None:
    story = Story()
    story.send(Login)
    story.send(Device, late_s=301)
    story.send(Location, late_s=301)
    verdict = story.verdict(Checkpoint, **TRANSFER)
    assert verdict.missing == ("device", "gps|ip")
    outcome = story.send(Device, late_s=301, observed=FARM)
    assert outcome.assessment is not None
    assert outcome.assessment.deferred
    assert codes(story.verdict(Checkpoint, **TRANSFER)) == {"SHARED_DEVICE"}
