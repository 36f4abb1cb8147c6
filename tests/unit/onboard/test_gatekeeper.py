"""What may be asked of the workflow: applications, steps in their order, draws that fit, and what is overdue."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.gate.office import LIMIT, VISIT, Place
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.events import Challenge, Override
from menshen.contract.onboarding import Onboarding
from menshen.loan.gate import Appealed, Declined, Proved
from menshen.loan.line import DoesNotFit
from menshen.loan.path import STEPS
from menshen.loan.workflow import NotNow
from menshen.onboard.gatekeeper import Contradiction, MayNotApply, NotYet
from menshen.onboard.sql.store import Unknown
from menshen.onboard.sql.tables import gates, history

ELIGIBILITY, AGREEMENT, ACTIVATION = (Place("a1", step) for step in STEPS[:-1])
DAY_MS = 86_400_000


def test_an_application_begins_with_all_its_steps_waiting(counter: Counter) -> None:
    counter.office.open()
    assert [counter.gate(place).state for place in (ELIGIBILITY, AGREEMENT, ACTIVATION)] == ["waiting"] * 3


def test_to_open_the_same_application_again_changes_nothing(counter: Counter) -> None:
    assert counter.office.open() == counter.office.open()
    assert len(counter.rows(gates)) == 3


def test_a_second_application_for_a_product_is_refused_and_for_another_one_it_is_not(counter: Counter) -> None:
    counter.office.open()
    with pytest.raises(Contradiction, match="'a1' for this product is under way"):
        counter.office.open("a2")
    counter.office.open("a2", product_id="mortgage")


def test_an_application_belongs_to_one_customer(counter: Counter) -> None:
    counter.office.open()
    with pytest.raises(Contradiction, match="about someone or something else"):
        counter.office.open("a1", "s2")


def test_who_was_refused_applies_again_when_the_waiting_time_is_over(counter: Counter) -> None:
    counter.office.open()
    counter.office.happen(ELIGIBILITY, Declined("data"))
    with pytest.raises(MayNotApply) as refused:
        counter.office.open("a2")
    assert refused.value.until_ms == counter.office.clock.now_ms - 1 + 30 * DAY_MS
    counter.office.clock.turn(30 * DAY_MS)
    counter.office.open("a2")


def test_a_refusal_that_is_lifted_leaves_no_waiting_time(counter: Counter) -> None:
    counter.office.open()
    counter.office.come(ELIGIBILITY)
    counter.answer(ELIGIBILITY, "block")
    counter.office.appeal(ELIGIBILITY)
    for operator, role in (("ann", "analyst"), ("bob", "approver")):
        counter.office.vote(ELIGIBILITY, operator, role, "allow")
    with pytest.raises(Contradiction, match="under way"):
        counter.office.open("a2")
    assert counter.gate(ELIGIBILITY).state == "asked"


def test_no_step_is_asked_about_before_the_one_before_it_is_open(counter: Counter) -> None:
    counter.office.open()
    with pytest.raises(NotYet, match="eligibility comes first, and is waiting"):
        counter.office.come(AGREEMENT)
    counter.office.come(ELIGIBILITY)
    counter.answer(ELIGIBILITY)
    counter.office.come(AGREEMENT)
    assert (counter.gate(ELIGIBILITY).state, counter.gate(AGREEMENT).state) == ("done", "proving")


def test_a_step_that_is_open_provisionally_carries_nothing_and_is_asked_again(counter: Counter) -> None:
    counter.office.open()
    counter.office.come(ELIGIBILITY)
    counter.office.clock.turn(800)
    counter.office.wake()
    assert counter.gate(ELIGIBILITY).state == "provisional"
    returned = counter.office.come(AGREEMENT)
    assert (returned.gate.step, returned.gate.state, returned.gate.attempt) == ("eligibility", "asked", 2)
    assert counter.gate(AGREEMENT).state == "waiting"


def test_no_money_is_drawn_before_the_limit_is_open(counter: Counter) -> None:
    counter.office.open()
    with pytest.raises(NotYet, match="limit_activation comes first"):
        counter.draw()


def test_a_draw_keeps_what_it_was_opened_with(counter: Counter) -> None:
    counter.at_the_line().draw("1000.00")
    for amount, payee_ref in (("1000.00", "p2"), ("1000.01", "p1"), ("999.99", "p1")):
        with pytest.raises(Contradiction, match="about another payee or amount"):
            counter.draw(amount, payee_ref=payee_ref)
    assert counter.gate().payee_ref == "p1"


def test_a_draw_that_is_asked_again_is_the_next_attempt_of_the_newest_visit(counter: Counter) -> None:
    counter.at_the_line().draw()
    counter.office.clock.turn(5_000)
    counter.office.wake()
    counter.draw(visit=replace(VISIT, session_id="v2"))
    assert (counter.question().attempt, counter.question().session_id) == (2, "v2")


def test_draws_share_the_line(counter: Counter) -> None:
    counter.at_the_line().draw(f"{LIMIT - 1000}", Place("a1", "fund_transfer", "w0"))
    with pytest.raises(DoesNotFit, match=r"1000\.00 of the limit"):
        counter.draw("1000.01")
    assert [row.draw_id for row in counter.rows(gates) if row.draw_id] == ["w0"]
    counter.draw("1000.00")


def lose_the_line_to_another_draw(counter: Counter) -> None:
    other = Place("a1", "fund_transfer", "w2")
    counter.draw(f"{LIMIT}", other)


def test_a_draw_that_waited_is_held_against_the_line_once_more(counter: Counter) -> None:
    counter.at_the_line().draw()
    allow = counter.signed()
    counter.office.receive(allow)
    counter.office.receive(counter.revocation(allow))
    lose_the_line_to_another_draw(counter)
    with pytest.raises(DoesNotFit, match=r"0\.00 of the limit"):
        counter.draw()
    assert counter.gate().state == "waiting"


def test_a_draw_that_was_refused_is_held_against_the_line_when_the_customer_appeals(counter: Counter) -> None:
    counter.at_the_line().draw()
    counter.answer(decision="block")
    lose_the_line_to_another_draw(counter)
    with pytest.raises(DoesNotFit):
        counter.office.appeal(DRAW)
    assert counter.gate().state == "refused"


def test_an_appeal_takes_up_the_line_until_it_is_decided(counter: Counter) -> None:
    counter.at_the_line().draw()
    counter.answer(decision="block")
    counter.office.appeal(DRAW)
    with pytest.raises(DoesNotFit):
        lose_the_line_to_another_draw(counter)
    with pytest.raises(NotNow):
        counter.office.happen(DRAW, Appealed())


def test_the_longest_overdue_are_woken_first_and_each_once(counter: Counter) -> None:
    counter.at_the_line()
    places = [Place("a1", "fund_transfer", f"w{n}") for n in range(3)]
    for place in places:
        counter.draw("10.00", place)
    assert counter.office.wake() == 0
    counter.office.clock.turn(5_000)
    assert counter.office.do(lambda c, now_ms: counter.office.desk.gatekeeper.wake(c, now_ms, 2)) == 2
    assert [counter.gate(place).state for place in places] == ["parked", "parked", "asked"]
    assert [counter.office.wake(), counter.office.wake()] == [1, 0]


def test_every_change_is_told_in_order_and_kept(counter: Counter) -> None:
    counter.office.open()
    counter.office.come(ELIGIBILITY)
    counter.answer(ELIGIBILITY)
    counter.office.come(AGREEMENT)
    told = [counter.decoded(parcel, Onboarding) for parcel in counter.waiting("onboarding")]
    assert [(t.number, t.step, t.fact, t.was, t.state) for t in told] == [
        (1, "eligibility", "Advanced", "waiting", "asked"),
        (2, "eligibility", "Answered", "asked", "open"),
        (3, "eligibility", "BuiltUpon", "open", "done"),
        (4, "agreement", "Advanced", "waiting", "proving"),
    ]
    assert [row.body for row in counter.rows(history)] == [parcel.body for parcel in counter.waiting("onboarding")]
    assert len({t.record_id for t in told}) == 4


def test_what_is_published_can_be_read_and_is_numbered_in_its_order(counter: Counter) -> None:
    counter.at_the_line().draw()
    counter.answer(decision="review")
    counter.office.vote(DRAW, "ann", "analyst", "allow")
    events = counter.events()
    assert [event.seq for event in events] == list(range(len(events)))
    assert len({event.event_id for event in events}) == len(events)
    proofs = [(e.method, e.outcome, e.assurance) for e in events if isinstance(e, Challenge)]
    assert proofs[:2] == [("face", "issued", "authenticated"), ("face", "passed", "person")]
    (override,) = (event for event in events if isinstance(event, Override))
    assert (override.decision, override.operators, override.attempt) == ("allow", ["ann"], 1)
    assert (override.draw_id, override.payee_ref, override.amount) == ("w1", "p1", "1000.00")


def test_a_refusal_that_detect_was_never_asked_about_is_lifted_without_asking_it(counter: Counter) -> None:
    counter.office.open()
    counter.office.happen(ELIGIBILITY, Declined("credit"))
    counter.office.appeal(ELIGIBILITY)
    counter.office.vote(ELIGIBILITY, "ann", "analyst", "allow")
    counter.office.vote(ELIGIBILITY, "bob", "approver", "allow")
    assert (counter.gate(ELIGIBILITY).state, counter.events()) == ("waiting", [])
    counter.office.come(ELIGIBILITY)


def test_what_is_unknown_is_said_to_be(counter: Counter) -> None:
    counter.office.open()
    for place in (Place("a9", "eligibility"), Place("a9", "agreement")):
        with pytest.raises(Unknown, match="a9"):
            counter.office.come(place)
    with pytest.raises(Unknown):
        counter.office.draw("w1", Decimal(1), "p1", of="a9")
    with pytest.raises(Unknown, match="no such step or draw"):
        counter.office.happen(DRAW, Proved())
