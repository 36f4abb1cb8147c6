"""The queue of people over the API: who may say what, and what it does."""

import pytest
from tests.integration.api.customer import HERE, Customer, kind_of, told
from tests.integration.api.office import Api, Office, Rule
from tests.servers.onboard import verdict_on, wait_until
from tests.servers.standins import Standins

from menshen.contract.assessment import Reason
from menshen.contract.events import Checkpoint
from menshen.contract.verdict import Decision, Verdict

RARE = Reason(code="ANOMALY", points=400)


def first_then_allow(decision: Decision) -> Rule:
    def rule(asked: Checkpoint) -> Verdict:
        if asked.attempt == 1:
            return verdict_on(asked, decision, score=400, reasons=(RARE,))
        return verdict_on(asked, "allow")

    return rule


@pytest.fixture
def customer(either_office: Office, standins: Standins) -> Customer:
    return Customer(either_office, standins)


@pytest.fixture
def in_review(either_office: Office, customer: Customer) -> str:
    either_office.rule = first_then_allow("review")
    customer.applies()
    gate = told(customer.api.post(f"{customer.path}/steps/eligibility?wait_ms=5000", HERE))
    assert gate["state"] == "review"
    [entry] = told(either_office.api("analyst").get("/v1/reviews"))["reviews"]
    return entry["review_id"]


def votes(api: Api, review_id: str, decision: str) -> tuple[int, object]:
    reply = api.post(f"/v1/reviews/{review_id}/votes", {"decision": decision, "note": "called back"})
    return reply.status, reply.body.get("outcome") or reply.body.get("type")


def test_a_reviewer_sees_what_was_asked_and_why_it_waits(
    either_office: Office, customer: Customer, in_review: str
) -> None:
    review = told(either_office.api("auditor").get(f"/v1/reviews/{in_review}"))
    assert (review["question"]["device_id"], review["question"]["attempt"]) == ("dev-1", 1)
    assert [reason["code"] for reason in review["verdict"]["reasons"]] == ["ANOMALY"]
    assert (review["n_people"], review["votes"], review["gate"]["state"]) == (1, [], "review")


def test_one_person_lets_it_go_on_once_detect_agrees(either_office: Office, customer: Customer, in_review: str) -> None:
    assert votes(either_office.person("analyst", "ana"), in_review, "allow") == (200, "Lifted")
    wait_until(lambda: customer.gate("eligibility")["state"] == "open")
    assert votes(either_office.person("analyst", "bob"), in_review, "block") == (409, "urn:menshen:problem:closed")
    assert told(either_office.api("analyst").get("/v1/reviews"))["reviews"] == []
    [past] = told(either_office.api("analyst").get("/v1/reviews?open=false"))["reviews"]
    assert past["outcome"] == "Lifted"


def test_one_person_keeps_it_shut_and_the_customer_has_to_wait(
    either_office: Office, customer: Customer, in_review: str
) -> None:
    assert votes(either_office.person("analyst", "ana"), in_review, "block") == (200, "Upheld")
    application = told(customer.api.get(customer.path))
    assert (application["steps"][0]["state"], application["refusal"]["kind"]) == ("refused", "fraud")


@pytest.fixture
def in_appeal(either_office: Office, customer: Customer) -> str:
    either_office.rule = first_then_allow("block")
    customer.applies()
    assert customer.asks("eligibility", HERE)["state"] == "refused"
    assert told(customer.api.post(f"{customer.path}/appeal", {"step": "eligibility"}))["state"] == "appeal"
    [entry] = told(either_office.api("analyst").get("/v1/reviews"))["reviews"]
    return entry["review_id"]


def test_an_appeal_takes_two_people_and_one_of_them_an_approver(
    either_office: Office, customer: Customer, in_appeal: str
) -> None:
    assert votes(either_office.person("analyst", "ana"), in_appeal, "allow") == (200, None)
    assert votes(either_office.person("analyst", "bob"), in_appeal, "allow") == (200, None)
    assert votes(either_office.person("approver", "eve"), in_appeal, "allow") == (200, "Lifted")
    wait_until(lambda: customer.gate("eligibility")["state"] == "open")
    assert told(customer.api.get(customer.path))["refusal"] is None


def test_a_person_with_two_keys_has_one_say(either_office: Office, customer: Customer, in_appeal: str) -> None:
    assert votes(either_office.person("approver", "eve"), in_appeal, "allow") == (200, None)
    assert votes(either_office.person("approver", "eve"), in_appeal, "allow") == (409, "urn:menshen:problem:closed")
    assert customer.gate("eligibility")["state"] == "appeal"


@pytest.mark.parametrize(("decision", "state"), [("allow", "waiting"), ("block", "refused")])
def test_a_refusal_by_the_lender_alone_can_be_appealed_though_nobody_was_ever_asked(
    either_office: Office, customer: Customer, decision: str, state: str
) -> None:
    customer.applies()
    told(customer.api.post(f"{customer.path}/refusal", {"kind": "credit"}))
    told(customer.api.post(f"{customer.path}/appeal", {"step": "eligibility"}))
    [entry] = told(either_office.api("analyst").get("/v1/reviews"))["reviews"]
    review = told(either_office.api("analyst").get(f"/v1/reviews/{entry['review_id']}"))
    assert (review["question"], review["verdict"]) == (None, None)
    votes(either_office.person("analyst", "ana"), entry["review_id"], decision)
    if decision == "allow":
        votes(either_office.person("approver", "eve"), entry["review_id"], decision)
    application = told(customer.api.get(customer.path))
    assert application["steps"][0]["state"] == state
    assert (application["refusal"] is None) == (decision == "allow")


def test_a_draw_can_be_appealed_by_its_name(either_office: Office, customer: Customer) -> None:
    customer.comes_to("limit_activation")
    either_office.rule = lambda asked: verdict_on(asked, "block")
    assert told(customer.draws("d-1"))["state"] == "refused"
    reply = customer.api.post(f"{customer.path}/appeal", {"step": "fund_transfer", "draw_id": "d-1"})
    assert told(reply)["state"] == "appeal"
    assert told(customer.api.get(customer.path))["refusal"] is None


def test_an_appeal_for_a_draw_that_is_not_there_contradicts_the_application(customer: Customer) -> None:
    customer.applies()
    reply = customer.api.post(f"{customer.path}/appeal", {"step": "fund_transfer", "draw_id": "d-1"})
    assert (reply.status, kind_of(reply)) == (409, "contradiction")
