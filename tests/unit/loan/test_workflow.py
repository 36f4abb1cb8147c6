"""What a gate does with each fact: the rows of the table, told as stories."""

import pytest
from tests.unit.loan.story import ALLOW_LASTS_MS, COMES, POLICY, VISIT, Story, draw_gate, step_gate

from menshen.contract.events import Step
from menshen.contract.onboarding import State
from menshen.contract.verdict import Decision
from menshen.loan.commands import (
    Alert,
    Ask,
    Challenge,
    Pardon,
    Pay,
    Queue,
    Refuse,
    TellDecision,
    TellProof,
    Unqueue,
)
from menshen.loan.gate import (
    DAY_MS,
    Appealed,
    BankRefused,
    BuiltUpon,
    Declined,
    Executed,
    Lifted,
    ProofFailed,
    Proved,
    Repaid,
    RetryDue,
    Revoked,
    SendingBegan,
    TimeUp,
    Upheld,
    Voided,
    attempts_left,
)
from menshen.loan.workflow import AttemptsUsedUp, NotNow

LIFTED = Lifted(("ann", "bob"), "known to us")
UPHELD = Upheld(("ann",), "it was not them")


def asked_draw() -> Story:
    return Story(draw_gate()).then(COMES)


def open_draw() -> Story:
    story = asked_draw()
    return story.then(story.answer("allow"))


def answered(story: Story, decision: Decision) -> Story:
    return story.then(story.answer(decision))


def test_a_step_without_proofs_of_its_own_is_asked_about_at_once() -> None:
    story = Story(step_gate("eligibility")).then(COMES)
    assert (story.gate.state, story.gate.attempt, story.gate.visit, story.commands) == ("asked", 1, VISIT, (Ask(),))
    assert story.gate.due_ms == story.now_ms + POLICY.eligibility.deadline_ms


def test_a_step_asks_for_its_own_proofs_one_after_the_other_and_then_detect() -> None:
    story = Story(step_gate("limit_activation")).then(COMES)
    assert (story.gate.state, story.commands) == ("proving", (Challenge("otp", 1),))
    assert story.gate.due_ms == story.now_ms + POLICY.challenge_lasts_s * 1000
    story.then(Proved())
    assert (story.gate.state, story.commands) == ("proving", (TellProof("otp", "passed", 1, 0), Challenge("face", 2)))
    story.then(Proved())
    assert (story.gate.state, story.commands) == ("asked", (TellProof("face", "passed", 2, 0), Ask()))
    assert (story.gate.proof, story.gate.proofs, story.gate.n_challenges) == (None, (), 2)


def test_a_proof_that_failed_is_told_and_one_that_nobody_gave_is_not() -> None:
    failed = Story(step_gate("agreement")).then(COMES, ProofFailed())
    assert (failed.gate.state, failed.gate.proof) == ("waiting", None)
    assert failed.commands == (TellProof("face", "failed", 1, 0),)
    silent = Story(step_gate("agreement")).then(COMES, TimeUp())
    assert (silent.gate.state, silent.gate.proof, silent.commands) == ("waiting", None, ())


@pytest.mark.parametrize(
    ("decision", "state", "command"),
    [
        ("allow", "open", Pay),
        ("step_up", "proving", Challenge),
        ("review", "review", Queue),
        ("block", "refused", None),
    ],
)
def test_each_decision_leads_elsewhere(decision: Decision, state: State, command: type | None) -> None:
    story = answered(asked_draw(), decision)
    assert story.gate.state == state
    assert [type(c) for c in story.commands] == ([command] if command else [])


@pytest.mark.parametrize("decision", ["allow", "step_up", "review", "block"])
def test_a_verdict_that_comes_after_the_deadline_is_heeded_all_the_same(decision: Decision) -> None:
    in_time = answered(asked_draw(), decision).gate.state
    for step in ("eligibility", "fund_transfer"):
        late = Story(draw_gate() if step == "fund_transfer" else step_gate(step)).then(COMES, TimeUp())
        assert late.gate.state in ("provisional", "parked")
        assert answered(late, decision).gate.state == in_time


@pytest.mark.parametrize("decision", ["allow", "step_up", "block"])
def test_a_late_verdict_takes_the_gate_out_of_the_queue_of_people(decision: Decision) -> None:
    story = Story(step_gate("limit_activation")).then(COMES, Proved(), Proved(), TimeUp())
    assert (story.gate.state, len(story.told(Queue))) == ("review", 1)
    assert answered(story, decision).told(Unqueue) == [Unqueue()]


def test_a_late_review_leaves_it_with_the_people_and_is_not_asked_again() -> None:
    story = Story(step_gate("limit_activation")).then(COMES, Proved(), Proved(), TimeUp())
    due_ms = story.gate.due_ms
    assert story.gate.retry_ms is not None
    answered(story, "review")
    assert (story.gate.state, story.gate.due_ms, story.gate.retry_ms, story.commands) == ("review", due_ms, None, ())


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("eligibility", "provisional"),
        ("agreement", "proving"),
        ("limit_activation", "review"),
        ("fund_transfer", "parked"),
    ],
)
def test_silence_means_something_else_at_each_step_and_never_that_it_opens(step: Step, state: State) -> None:
    story = Story(draw_gate() if step == "fund_transfer" else step_gate(step)).then(COMES)
    story.then(*[Proved()] * len(POLICY.at(step).proofs), TimeUp())
    assert (story.gate.state, story.told(Pay)) == (state, [])
    retry_s = POLICY.at(step).retry_s
    assert story.gate.retry_ms == (None if retry_s is None else story.now_ms + retry_s * 1000)


def test_what_nobody_answered_is_asked_again_by_itself() -> None:
    story = Story(step_gate("eligibility")).then(COMES, TimeUp(), RetryDue())
    assert (story.gate.state, story.gate.attempt, story.commands) == ("asked", 2, (Ask(),))
    story = Story(step_gate("limit_activation")).then(COMES, Proved(), Proved(), TimeUp(), RetryDue())
    assert (story.gate.state, story.gate.attempt, story.commands) == ("asked", 2, (Unqueue(), Ask()))


def test_a_customer_asks_three_times_a_day_and_again_when_a_day_is_over() -> None:
    story = Story(draw_gate())
    for _ in range(POLICY.attempts_a_day):
        story.then(COMES)
        story.then(story.answer("step_up"), ProofFailed())
    assert attempts_left(story.gate, story.now_ms, POLICY.attempts_a_day) == 0
    with pytest.raises(AttemptsUsedUp):
        story.then(COMES)
    assert story.after(DAY_MS, COMES).gate.attempt == 4


def test_a_proof_does_not_buy_a_fourth_attempt() -> None:
    story = asked_draw()
    for _ in range(POLICY.attempts_a_day - 1):
        answered(story, "step_up").then(Proved())
    answered(story, "step_up").then(Proved())
    assert (story.gate.state, story.gate.attempt) == ("waiting", 3)
    assert story.commands == (TellProof("otp", "passed", 3, 3),)


def test_an_attempt_that_nobody_answered_costs_nothing() -> None:
    story = Story(draw_gate())
    for _ in range(5):
        story.then(COMES, TimeUp())
        assert attempts_left(story.gate, story.now_ms, POLICY.attempts_a_day) == POLICY.attempts_a_day


def test_what_people_ask_costs_the_customer_nothing_answered_or_not() -> None:
    story = answered(asked_draw(), "review").then(LIFTED)
    assert (story.gate.attempt, attempts_left(story.gate, story.now_ms, 3)) == (2, 2)
    story.then(TimeUp())
    assert (story.gate.state, attempts_left(story.gate, story.now_ms, 3)) == ("parked", 2)


def test_a_retry_counts_as_the_attempt_did_that_nobody_answered() -> None:
    story = Story(step_gate("eligibility")).then(COMES, TimeUp(), RetryDue())
    assert attempts_left(story.gate, story.now_ms, 3) == 2
    answered(story, "review").then(LIFTED, TimeUp(), RetryDue())
    assert attempts_left(story.gate, story.now_ms, 3) == 2


def test_a_challenge_is_the_one_that_the_verdict_names() -> None:
    story = asked_draw()
    assert story.then(story.answer("step_up", "face")).commands == (Challenge("face", 1),)
    assert answered(asked_draw(), "step_up").commands == (Challenge(POLICY.fund_transfer.silence_proof, 1),)


def test_one_person_lets_a_review_go_on_and_detect_is_asked_what_it_says_to_that() -> None:
    story = answered(asked_draw(), "review")
    assert story.told(Queue) == [Queue(1, story.now_ms + POLICY.review_lasts_s * 1000)]
    story.then(LIFTED)
    assert story.commands == (Unqueue(), TellDecision(1, "allow", LIFTED.operators, LIFTED.note), Ask())
    assert (story.gate.state, story.gate.attempt) == ("asked", 2)


def test_one_person_keeps_a_review_shut() -> None:
    story = answered(asked_draw(), "review").then(UPHELD)
    assert story.gate.state == "refused"
    assert story.commands == (Unqueue(), TellDecision(1, "block", UPHELD.operators, UPHELD.note))


def test_a_review_at_which_nobody_looked_lets_the_customer_ask_again_and_raises_an_alert() -> None:
    story = answered(asked_draw(), "review").then(TimeUp())
    assert (story.gate.state, story.commands) == ("waiting", (Unqueue(), Alert("REVIEW_LAPSED")))


def test_a_block_refuses_the_application_and_an_appeal_takes_it_back() -> None:
    story = answered(Story(step_gate("eligibility")).then(COMES), "block")
    assert story.commands == (Refuse("fraud", story.now_ms + 90 * DAY_MS),)
    story.then(Appealed())
    assert story.commands == (Queue(2, story.now_ms + POLICY.appeal_lasts_s * 1000),)
    story.then(LIFTED)
    assert story.commands == (Unqueue(), TellDecision(1, "allow", LIFTED.operators, LIFTED.note), Pardon(), Ask())


def test_an_appeal_that_is_turned_down_leaves_the_waiting_time_as_it_was() -> None:
    story = answered(Story(step_gate("eligibility")).then(COMES), "block").then(Appealed(), UPHELD)
    assert (story.gate.state, story.told(Refuse), story.told(Pardon)) == ("refused", [], [])


def test_an_appeal_that_waits_too_long_raises_an_alert_each_time_and_goes_on_waiting() -> None:
    story = answered(asked_draw(), "block").then(Appealed())
    for _ in range(2):
        story.after(POLICY.appeal_lasts_s * 1000, TimeUp())
        assert (story.gate.state, story.commands) == ("appeal", (Alert("APPEAL_OVERDUE"),))
        assert story.gate.due_ms == story.now_ms + POLICY.appeal_lasts_s * 1000


def test_a_draw_that_is_blocked_refuses_no_application_and_its_appeal_pardons_none() -> None:
    assert answered(asked_draw(), "block").commands == ()
    story = answered(asked_draw(), "block").then(Appealed(), LIFTED)
    assert [type(command) for command in story.commands] == [Unqueue, TellDecision, Ask]


def test_the_lender_declines_for_a_reason_of_its_own() -> None:
    story = Story(step_gate("agreement")).then(Declined("data"))
    assert (story.gate.state, story.commands) == ("refused", (Refuse("data", story.now_ms + 30 * DAY_MS),))


def test_an_allow_of_a_step_pays_nothing() -> None:
    story = answered(Story(step_gate("eligibility")).then(COMES), "allow")
    assert (story.gate.state, story.commands) == ("open", ())
    assert story.then(BuiltUpon()).gate.state == "done"


def test_an_allow_is_used_until_the_moment_it_expires_and_not_in_it() -> None:
    in_time = open_draw()
    assert in_time.gate.expires_ms is not None
    used = in_time.after(in_time.gate.expires_ms - in_time.now_ms - 2, SendingBegan())
    assert (used.gate.state, used.gate.verdict_id) == ("sending", "verdict-1")
    late = open_draw().after(ALLOW_LASTS_MS - 2, SendingBegan())
    assert (late.gate.state, late.gate.verdict_id, late.gate.expires_ms) == ("waiting", None, None)


@pytest.mark.parametrize(
    ("told", "state", "alerts"),
    [(Executed(), "done", []), (Voided(), "failed", []), (BankRefused("no"), "failed", [Alert("BANK_REFUSED")])],
)
def test_the_bank_says_what_became_of_a_payment(told: Executed, state: State, alerts: list[Alert]) -> None:
    story = open_draw().then(SendingBegan(), told)
    assert (story.gate.state, story.told(Alert)) == (state, alerts)


def test_an_allow_that_is_taken_back_shuts_what_was_open() -> None:
    story = open_draw().then(Revoked())
    assert (story.gate.state, story.gate.verdict_id, story.gate.expires_ms) == ("waiting", None, None)


def test_an_allow_that_is_taken_back_while_the_bank_is_told_raises_a_recall_if_the_money_has_gone() -> None:
    story = open_draw().then(SendingBegan(), Revoked())
    assert (story.gate.state, story.gate.doubted, story.commands) == ("sending", True, ())
    assert Story(story.gate).then(Executed()).told(Alert) == [Alert("RECALL")]
    assert Story(story.gate).then(Voided()).told(Alert) == []


def test_an_allow_that_is_taken_back_when_the_money_has_gone_raises_a_recall() -> None:
    story = open_draw().then(SendingBegan(), Executed(), Revoked())
    assert (story.gate.state, story.commands) == ("done", (Alert("RECALL"),))


def test_a_draw_that_was_paid_back_is_at_its_end() -> None:
    assert open_draw().then(SendingBegan(), Executed(), Repaid()).gate.state == "repaid"


def test_a_fact_that_has_no_place_changes_nothing_and_says_where_the_gate_stands() -> None:
    story = open_draw()
    with pytest.raises(NotNow, match="fund_transfer is open: Advanced has no place there") as refused:
        story.then(COMES)
    assert refused.value.state == story.gate.state == "open"


def test_a_refusal_that_detect_was_never_asked_about_is_lifted_or_upheld_without_telling_it() -> None:
    story = Story(step_gate("agreement")).then(Declined("data"), Appealed())
    assert Story(story.gate).then(UPHELD).commands == (Unqueue(),)
    lifted = Story(story.gate).then(LIFTED)
    assert (lifted.gate.state, lifted.commands) == ("waiting", (Unqueue(), Pardon()))
