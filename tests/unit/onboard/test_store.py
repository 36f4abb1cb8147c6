"""Applications and gates come back from the database as they went in."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.gate.office import VISIT, Place
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.events import Step
from menshen.loan.gate import Gate
from menshen.loan.path import STEPS
from menshen.onboard.sql.store import Application, Kept, Unknown
from menshen.onboard.sql.tables import gates

FILLED = Gate(
    application_id="a1",
    step="fund_transfer",
    draw_id="w9",
    payee_ref="p1",
    amount=Decimal("0.10"),
    currency="CNY",
    signature_sha256="0a" * 32,
    state="sending",
    visit=VISIT,
    attempt=3,
    asked_ms=(1, 2),
    counted=True,
    proofs=("otp", "face"),
    proof="face",
    n_challenges=4,
    verdict_id="v",
    expires_ms=2**45,
    due_ms=12,
    retry_ms=11,
    doubted=True,
)
"""Every field has a value of its own."""


def test_a_gate_comes_back_with_every_field(either_counter: Counter) -> None:
    either_counter.office.open()
    store, kept = either_counter.office.desk.store, Kept("g1", FILLED, "s1", 5, 6)
    assert not [name for name in FILLED.__struct_fields__ if getattr(FILLED, name) in (None, False, 0, ())]
    either_counter.office.do(lambda c, _: store.add_gate(c, kept))
    assert either_counter.office.do(lambda c, _: store.gate(c, "g1")) == kept
    changed = kept._replace(gate=replace(FILLED, state="done", amount=Decimal("12345.60")), paid_ms=7)
    either_counter.office.do(lambda c, _: store.save_gate(c, changed))
    assert either_counter.office.do(lambda c, _: store.gate(c, "g1")) == changed


def test_a_gate_wakes_at_the_earlier_of_its_two_times(counter: Counter) -> None:
    counter.office.open()
    for gate_id, due_ms, retry_ms in (("g1", 12, 11), ("g2", 9, None), ("g3", None, None)):
        kept = Kept(gate_id, replace(FILLED, due_ms=due_ms, retry_ms=retry_ms, draw_id=gate_id), "s1", 5)
        counter.office.do(lambda c, _, kept=kept: counter.office.desk.store.add_gate(c, kept))
    assert {row.gate_id: row.wake_ms for row in counter.rows(gates) if row.draw_id} == {"g1": 11, "g2": 9, "g3": None}
    due = counter.office.do(lambda c, _: counter.office.desk.store.due(c, 11, 10))
    assert [kept.gate_id for kept in due] == ["g2", "g1"]


def test_an_application_comes_back_with_every_field(either_counter: Counter) -> None:
    store = either_counter.office.desk.store
    opened = Application(application_id="a1", subject_id="s1", product_id="cash", opened_ms=1)
    either_counter.office.do(lambda c, _: store.add_application(c, opened))
    changed = replace(opened, refusal="fraud", refused_until_ms=2**45, n_changes=3, n_events=4)
    either_counter.office.do(lambda c, _: store.save_application(c, changed))
    assert either_counter.office.do(lambda c, _: store.application(c, "a1")) == changed
    assert either_counter.office.do(lambda c, _: store.applications_of(c, "s1")) == [changed]
    assert either_counter.office.do(lambda c, _: store.applications_of(c, "s2")) == []


def test_the_gates_of_an_application_come_in_the_order_of_its_path(counter: Counter) -> None:
    counter.at_the_line()
    for draw_id in ("w2", "w1"):
        counter.draw("10.00", DRAW._replace(draw_id=draw_id))
    found = counter.office.do(lambda c, _: counter.office.desk.store.gates_of(c, "a1"))
    named = [(kept.gate.step, kept.gate.draw_id) for kept in found]
    assert named == [(step, None) for step in STEPS[:-1]] + [("fund_transfer", "w2"), ("fund_transfer", "w1")]


def test_an_allow_leads_to_the_gate_that_it_has_opened_and_to_no_other(counter: Counter) -> None:
    counter.at_the_line().draw()
    allow = counter.signed()
    counter.office.receive(allow)
    store, verdict_id = counter.office.desk.store, counter.verdict(allow).verdict_id
    holder = counter.office.do(lambda c, _: store.holder_of(c, verdict_id))
    assert holder is not None
    assert (holder.gate.step, holder.gate.draw_id) == ("fund_transfer", "w1")
    assert counter.office.do(lambda c, _: store.holder_of(c, "another")) is None


@pytest.mark.parametrize(
    "place", [("a1", "eligibility", "w1"), ("a", "eligibility", "1w1"), ("a1w1", "eligibility", None)]
)
def test_no_two_gates_have_one_name(counter: Counter, place: tuple[str, Step, str | None]) -> None:
    store = counter.office.desk.store
    assert store.gate_id(*place) == store.gate_id(*place)
    assert store.gate_id(*place) != store.gate_id(*Place("a1", "eligibility"))


def test_what_is_not_there_is_unknown(counter: Counter) -> None:
    store = counter.office.desk.store
    with pytest.raises(Unknown, match="no application 'a9'"):
        counter.office.do(lambda c, _: store.application(c, "a9"))
    with pytest.raises(Unknown, match="no such step or draw"):
        counter.office.do(lambda c, _: store.gate(c, "g9"))
