"""A customer's way through the API, and what comes back to whom."""

from types import SimpleNamespace
from typing import cast

import pytest
from tests.integration.api.customer import HERE, LIMIT, SIGNED, Customer, kind_of, told
from tests.integration.api.office import SHIPPED, Office, Rule, silence
from tests.servers.onboard import verdict_on, wait_until
from tests.servers.standins import Standins

from menshen.contract.assessment import Reason
from menshen.contract.events import Checkpoint
from menshen.contract.verdict import Decision, Verdict
from menshen.fraud.reasons import REASONS

DAY_MS = 86_400_000
TRAVEL = Reason(code="IMPOSSIBLE_TRAVEL", points=310, evidence={"km": 812.4})


def saying(decision: Decision, reason: Reason = TRAVEL) -> Rule:
    def rule(asked: Checkpoint) -> Verdict:
        return verdict_on(asked, decision, score=713, reasons=(reason,), missing=("wifi",))

    return rule


@pytest.fixture
def customer(office: Office, standins: Standins) -> Customer:
    return Customer(office, standins)


def test_a_customer_comes_through_to_a_draw_that_waits_for_the_bank(either_office: Office, standins: Standins) -> None:
    customer = Customer(either_office, standins)
    customer.comes_to("limit_activation")
    drawn = customer.draws("d-1")
    assert drawn.status == 202
    assert (drawn.body["state"], drawn.body["awaits"]["what"], drawn.body["amount"]) == ("open", "bank", "5000.00")
    application = told(customer.api.get(customer.path))
    states = [(step["step"], step["state"]) for step in application["steps"]]
    assert states == [("eligibility", "done"), ("agreement", "done"), ("limit_activation", "done")]
    assert [draw["draw_id"] for draw in application["draws"]] == ["d-1"]


def test_the_same_application_again_is_the_same_one(customer: Customer) -> None:
    assert customer.applies().status == 201
    again = customer.applies()
    assert (again.status, again.body["application_id"]) == (200, customer.application_id)
    other = customer.applies("another-product")
    assert (other.status, other.body["type"]) == (409, "urn:menshen:problem:contradiction")


def test_the_next_step_names_the_one_that_comes_first(customer: Customer) -> None:
    customer.applies()
    early = customer.api.post(f"{customer.path}/steps/agreement", SIGNED)
    assert early.status == 409
    assert (kind_of(early), early.body["step"], early.body["state"]) == ("not-yet", "eligibility", "waiting")


def test_whoever_does_not_wait_is_told_that_the_verdict_is_awaited(office: Office, customer: Customer) -> None:
    office.rule = silence
    customer.applies()
    gate = told(customer.api.post(f"{customer.path}/steps/eligibility", HERE))
    assert (gate["state"], gate["awaits"]["what"], gate["attempts_left"]) == ("asked", "verdict", 2)
    moved_on = customer.api.post(f"{customer.path}/steps/eligibility", HERE)
    assert (moved_on.status, kind_of(moved_on), moved_on.body["state"]) == (409, "not-now", "asked")


def test_whoever_waits_is_told_what_silence_means(database_url: str, tenant: str, standins: Standins) -> None:
    with Office(database_url, tenant, standins, silence, SHIPPED) as punctual:
        customer = Customer(punctual, standins)
        customer.applies()
        gate = told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=10000", HERE))
        assert gate["state"] == "provisional"


def test_attempts_used_up_say_when_to_come_again(office: Office, customer: Customer) -> None:
    office.rule = saying("step_up")
    customer.applies()
    gate = told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=5000", HERE))
    while gate["state"] == "proving":
        gate = customer.proves(gate) if gate["attempts_left"] == 0 else customer.answers(gate, "no-face")
        if gate["state"] == "waiting" and gate["attempts_left"]:
            gate = told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=5000", HERE))
    late = customer.api.post(f"{customer.path}/steps/eligibility", HERE)
    assert (late.status, kind_of(late)) == (409, "attempts")
    first_ms = told(customer.api.get(f"{customer.path}/history"))["changes"][0]["at_ms"]
    assert late.body["retry_at_ms"] == first_ms + DAY_MS


def test_a_customer_facing_caller_gets_sentences_and_never_scores_or_codes(office: Office, customer: Customer) -> None:
    office.rule = saying("step_up")
    customer.applies()
    gate = told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=5000", HERE))
    text = REASONS["IMPOSSIBLE_TRAVEL"].customer
    assert gate["messages"] == [{"zh": text.zh, "en": text.en}]
    for path in (customer.path, f"{customer.path}/history"):
        raw = str(customer.api.get(path).body)
        assert not [leak for leak in ("713", "IMPOSSIBLE_TRAVEL", "310", "812.4", "wifi") if leak in raw]


def test_the_lenders_people_see_the_reasons_behind_a_gate_and_a_change(office: Office, customer: Customer) -> None:
    office.rule = saying("step_up")
    customer.applies()
    told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=5000", HERE))
    auditor = office.api("auditor")
    step = told(auditor.get(customer.path))["steps"][0]
    assert (step["verdict"]["score"], step["verdict"]["missing"]) == (713, ["wifi"])
    assert step["verdict"]["reasons"] == [{"code": "IMPOSSIBLE_TRAVEL", "points": 310, "evidence": {"km": 812.4}}]
    changes = told(auditor.get(f"{customer.path}/history"))["changes"]
    assert [(c["fact"], c["verdict"] and c["verdict"]["score"]) for c in changes] == [
        ("Advanced", None),
        ("Answered", 713),
    ]


def test_the_history_comes_in_parts_without_a_gap(office: Office, customer: Customer) -> None:
    customer.comes_to("agreement")
    whole = told(customer.api.get(f"{customer.path}/history"))
    assert whole["next_after"] is None
    parts, after = list[int](), 0
    while after is not None:
        part = told(customer.api.get(f"{customer.path}/history?after={after}&limit=2"))
        parts, after = parts + [change["number"] for change in part["changes"]], part["next_after"]
    assert parts == [change["number"] for change in whole["changes"]] == list(range(1, len(parts) + 1))


def test_a_challenge_that_failed_for_good_leads_back_and_says_so_again(customer: Customer) -> None:
    customer.applies()
    customer.asks("eligibility", HERE)
    gate = told(customer.api.post(f"{customer.path}/steps/agreement", SIGNED))
    assert (gate["state"], gate["awaits"]["method"]) == ("proving", "face")
    tries = [customer.answered(gate, "somebody-else").body for _ in range(4)]
    assert [(a["outcome"], a["remaining"], a["gate"]["state"]) for a in tries] == [
        ("failed", 2, "proving"),
        ("failed", 1, "proving"),
        ("failed", 0, "waiting"),
        ("failed", 0, "waiting"),
    ]
    facts = [change["fact"] for change in told(customer.api.get(f"{customer.path}/history"))["changes"]]
    assert facts.count("ProofFailed") == 1


def test_an_earlier_challenge_opens_nothing_any_more(customer: Customer) -> None:
    customer.applies()
    customer.asks("eligibility", HERE)
    first = told(customer.api.post(f"{customer.path}/steps/agreement", SIGNED))
    for _ in range(3):
        customer.answers(first, "somebody-else")
    second = told(customer.api.post(f"{customer.path}/steps/agreement", SIGNED))
    assert customer.answered(first, f"face-of-{customer.subject_id}").body["gate"]["state"] == "proving"
    assert customer.proves(second)["state"] == "open"


def test_a_service_of_challenges_that_does_not_answer_is_an_outage(office: Office, tenant: str) -> None:
    dead = "http://127.0.0.1:1"
    nobody = cast(Standins, SimpleNamespace(otp_url=dead, face_url=dead, bank_url=dead))
    with Office(office.database_url, tenant, nobody) as cut_off:
        customer = Customer(cut_off, nobody)
        customer.applies()
        customer.asks("eligibility", HERE)
        gate = told(customer.api.post(f"{customer.path}/steps/agreement", SIGNED))
        reply = customer.api.post(f"/v1/challenges/{gate['awaits']['challenge_id']}/answers", {"answer": "x"})
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert (kind_of(reply), reply.body["detail"]) == ("unavailable", "challenges does not answer")
        assert customer.gate("agreement")["state"] == "proving"


def test_a_draw_keeps_what_it_was_opened_with(customer: Customer) -> None:
    customer.comes_to("limit_activation")
    customer.draws("d-1")
    for change in ({"payee_ref": "p-2"}, {"amount": "5000.01"}):
        reply = customer.draws("d-1", **change)
        assert (reply.status, kind_of(reply)) == (409, "contradiction")


@pytest.mark.parametrize(
    "beyond",
    [{"amount": "15000.01"}, {"amount": "200000.01"}, {"currency": "EUR"}],
    ids=["line", "ceiling", "currency"],
)
def test_a_draw_beyond_the_line_or_the_policy_does_not_fit(customer: Customer, beyond: dict[str, str]) -> None:
    customer.comes_to("limit_activation")
    customer.draws("d-1")
    reply = customer.draws("d-2", **beyond)
    assert (reply.status, kind_of(reply)) == (409, "does-not-fit")
    assert [draw["draw_id"] for draw in told(customer.api.get(customer.path))["draws"]] == ["d-1"]


def test_a_limit_beyond_the_policy_does_not_fit(customer: Customer) -> None:
    customer.comes_to("agreement")
    reply = customer.api.post(f"{customer.path}/steps/limit_activation", LIMIT | {"amount": "200000.01"})
    assert (reply.status, kind_of(reply)) == (409, "does-not-fit")


def test_money_that_has_not_moved_cannot_be_paid_back(customer: Customer) -> None:
    customer.comes_to("limit_activation")
    customer.draws("d-1")
    early = customer.api.post(f"{customer.path}/draws/d-1/repayment")
    assert (early.status, kind_of(early), early.body["state"]) == (409, "not-now", "open")
    assert customer.api.post(f"{customer.path}/draws/d-2/repayment").status == 404


def test_a_declined_customer_has_to_wait_for_another_application(office: Office, standins: Standins) -> None:
    customer = Customer(office, standins)
    customer.applies()
    declined = told(customer.api.post(f"{customer.path}/refusal", {"kind": "credit"}))
    assert (declined["step"], declined["state"]) == ("eligibility", "refused")
    application = told(customer.api.get(customer.path))
    customer.application_id += "-2"
    again = customer.applies()
    assert (again.status, kind_of(again)) == (409, "may-not-apply")
    assert again.body["until_ms"] == application["refusal"]["until_ms"]


def test_a_step_that_is_not_waiting_cannot_be_declined(office: Office, customer: Customer) -> None:
    office.rule = silence
    customer.applies()
    told(customer.api.post(f"{customer.path}/steps/eligibility", HERE))
    reply = customer.api.post(f"{customer.path}/refusal", {"kind": "credit"})
    assert (reply.status, kind_of(reply)) == (409, "not-now")


def test_an_alert_tells_that_what_has_taken_effect_is_doubted(office: Office, customer: Customer) -> None:
    customer.comes_to("agreement")
    [done, *_] = told(office.api("auditor").get(customer.path))["steps"]
    asked = Checkpoint(
        event_id="e-later",
        subject_id=customer.subject_id,
        session_id="v-1",
        seq=9,
        occurred_ms=0,
        received_ms=0,
        assurance="person",
        product_id="cash-loan",
        application_id=customer.application_id,
        device_id="dev-1",
        step="eligibility",
        attempt=1,
    )
    taken_back = done["verdict"]["verdict_id"]
    office.take(verdict_on(asked, "block", kind="revoke", revokes=taken_back, score=900, reasons=(TRAVEL,)))
    [alert] = told(office.api("analyst").get("/v1/alerts"))["alerts"]
    assert (alert["code"], alert["application_id"], alert["step"]) == ("RECALL", customer.application_id, "eligibility")
    [done, *_] = told(office.api("auditor").get(customer.path))["steps"]
    assert (done["verdict"]["kind"], done["verdict"]["score"]) == ("revoke", 900)
    assert customer.gate("eligibility")["messages"]


def test_health_is_served_beside_it(office: Office) -> None:
    nobody = office.api()
    nobody.key = None
    assert nobody.get("/livez").body == {"live": True}
    assert nobody.get("/readyz").body == {"ready": True, "parts": {"database": "ok"}}
    wait_until(lambda: b"menshen_onboard_transitions_total" in nobody.get("/metrics").body)
