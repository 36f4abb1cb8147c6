"""What goes before an amount: summed by the database, to the hundredth, on SQLite and on PostgreSQL."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy.engine.default import DefaultDialect
from tests.gate.office import VISIT, Place
from tests.unit.onboard.counter import Counter

from menshen.contract.events import Exposure, Outlay
from menshen.loan.gate import Executed, Repaid, SendingBegan, Voided
from menshen.onboard.sql.tables import Money

DAY_MS = 86_400_000
NOTHING = Outlay(open="0.00", day="0.00", month="0.00")


def draw(n: int, of: str = "a1") -> Place:
    return Place(of, "fund_transfer", f"w{n}")


def pay(counter: Counter, place: Place, amount: str, payee_ref: str) -> None:
    counter.draw(amount, place, payee_ref)
    counter.answer(place)
    for fact in (SendingBegan(), Executed()):
        counter.office.happen(place, fact)


def exposure(counter: Counter, place: Place) -> Exposure:
    exposure = counter.question(place).exposure
    assert exposure is not None
    return exposure


def test_the_first_draw_has_nothing_before_it(either_counter: Counter) -> None:
    either_counter.at_the_line().draw()
    assert exposure(either_counter, draw(1)) == Exposure(person=NOTHING, device=NOTHING, payee=NOTHING)


def test_a_step_without_money_has_no_exposure(counter: Counter) -> None:
    counter.at_the_line()
    assert counter.question(Place("a1", "limit_activation")).exposure is None


def test_what_may_still_go_out_and_what_went_out_are_added_up_to_the_hundredth(either_counter: Counter) -> None:
    counter = either_counter.at_the_line()
    pay(counter, draw(1), "0.10", "p1")
    pay(counter, draw(2), "0.20", "p2")
    counter.draw("0.70", draw(3), "p1")
    counter.draw("0.01", draw(4), "p2")
    counter.answer(draw(4))
    counter.draw("5.00", draw(5), "p1")
    assert exposure(counter, draw(5)).person == Outlay(open="0.71", day="0.30", month="0.30")
    assert exposure(counter, draw(5)).payee == Outlay(open="0.70", day="0.10", month="0.10")


def test_a_person_a_device_and_a_payee_are_looked_at_over_all_applications(either_counter: Counter) -> None:
    counter = either_counter.at_the_line().at_the_line("a2", "s2")
    pay(counter, draw(1), "100.00", "p1")
    counter.office.draw("w1", Decimal("7.00"), "p1", of="a2", visit=replace(VISIT, device_id="dev2"))
    assert exposure(counter, draw(1, "a2")).person == NOTHING
    assert exposure(counter, draw(1, "a2")).device == NOTHING
    assert exposure(counter, draw(1, "a2")).payee == Outlay(open="0.00", day="100.00", month="100.00")
    counter.draw("1.00", draw(2), "p9")
    assert exposure(counter, draw(2)).device == Outlay(open="0.00", day="100.00", month="100.00")


@pytest.mark.parametrize(
    ("later_ms", "day", "month"),
    [(DAY_MS - 10, "50.00", "50.00"), (DAY_MS, "0.00", "50.00"), (30 * DAY_MS, "0.00", "0.00")],
)
def test_what_went_out_is_forgotten_after_a_day_and_after_thirty(
    counter: Counter, later_ms: int, day: str, month: str
) -> None:
    counter.at_the_line()
    pay(counter, draw(1), "50.00", "p1")
    counter.office.clock.turn(later_ms)
    counter.draw("1.00", draw(2))
    assert exposure(counter, draw(2)).person == Outlay(open="0.00", day=day, month=month)


def test_money_that_was_paid_back_has_gone_out_all_the_same_and_a_closed_order_has_not(counter: Counter) -> None:
    counter.at_the_line()
    pay(counter, draw(1), "50.00", "p1")
    counter.office.happen(draw(1), Repaid())
    counter.draw("8.00", draw(2))
    counter.answer(draw(2))
    for fact in (SendingBegan(), Voided()):
        counter.office.happen(draw(2), fact)
    counter.draw("1.00", draw(3))
    assert exposure(counter, draw(3)).person == Outlay(open="0.00", day="50.00", month="50.00")


def test_an_earlier_attempt_of_the_same_draw_is_not_counted(counter: Counter) -> None:
    counter.at_the_line().draw("1000.00")
    counter.office.clock.turn(5_000)
    counter.office.wake()
    counter.draw("1000.00")
    assert (counter.question().attempt, exposure(counter, draw(1)).person) == (2, NOTHING)


def test_money_is_kept_as_hundredths_and_nothing_is_rounded() -> None:
    money, dialect = Money(), DefaultDialect()
    assert money.process_bind_param(Decimal("0.1"), dialect) == 10
    assert money.process_result_value(10, dialect) == Decimal("0.10")
    with pytest.raises(ValueError, match="no amount with two places"):
        money.process_bind_param(Decimal("0.001"), dialect)
