"""Money on its way: how much goes before a draw, and what the bank is told, on each database."""

from collections.abc import Callable
from decimal import Decimal
from typing import get_args

import pytest
from tests.gate.office import VISIT
from tests.gate.signing import ALLOW_LASTS_MS, Record
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.events import Outlay
from menshen.contract.onboarding import State
from menshen.loan.gate import DAY_MS, Gate
from menshen.onboard import paying
from menshen.onboard.paying import Instruction
from menshen.onboard.ports import Outcome, Settled
from menshen.onboard.sql.exposure import MONTH_MS, exposure_of
from menshen.onboard.sql.outbox import Parcel
from menshen.onboard.sql.store import Kept
from menshen.onboard.sql.tables import alerts

PAID_MS = 1_700_000_000_000
MAY_STILL_GO_OUT = {"asked", "proving", "parked", "review", "appeal", "open", "sending"}


def draw_in(state: State, amount: str, *, paid_ms: int | None = None) -> Kept:
    """Return a draw that is in a state, as the database keeps it."""
    named = {"draw_id": f"{state}-{amount}", "payee_ref": "p1", "amount": Decimal(amount), "currency": "CNY"}
    gate = Gate(application_id="a1", step="fund_transfer", state=state, visit=VISIT, **named)
    return Kept(f"gate of {state}-{amount}", gate, "s1", PAID_MS, paid_ms)


def before_the_next(counter: Counter, now_ms: int, *kept: Kept) -> Outlay:
    """Return what goes before one more draw of the same person."""
    office = counter.office
    office.open()
    for earlier in kept:
        office.do(lambda c, _, earlier=earlier: office.desk.store.add_gate(c, earlier))
    exposure = office.database.read(lambda c: exposure_of(c, draw_in("asked", "1.00"), now_ms))
    assert exposure is not None
    assert exposure.person == exposure.device == exposure.payee
    assert exposure.person is not None
    return exposure.person


def test_what_may_still_go_out_counts_as_open_and_nothing_else_does(counter: Counter) -> None:
    states = get_args(State)
    amounts = {state: Decimal(2**n) + Decimal("0.01") for n, state in enumerate(states)}
    kept = [draw_in(state, f"{amount}") for state, amount in amounts.items()]
    awaited = sum((amounts[state] for state in MAY_STILL_GO_OUT), Decimal(0))
    assert before_the_next(counter, PAID_MS, *kept) == Outlay(open=f"{awaited}", day="0.00", month="0.00")


def test_what_went_out_counts_for_a_day_and_for_thirty_to_the_millisecond(counter: Counter) -> None:
    before_the_next(counter, PAID_MS, draw_in("done", "5.00", paid_ms=PAID_MS))
    seen = {
        age_ms: before_the_next(counter, PAID_MS + age_ms) for age_ms in (DAY_MS - 1, DAY_MS, MONTH_MS - 1, MONTH_MS)
    }
    assert {age_ms: (outlay.day, outlay.month) for age_ms, outlay in seen.items()} == {
        DAY_MS - 1: ("5.00", "5.00"),
        DAY_MS: ("0.00", "5.00"),
        MONTH_MS - 1: ("0.00", "5.00"),
        MONTH_MS: ("0.00", "0.00"),
    }


@pytest.fixture
def allowed(counter: Counter) -> Counter:
    """A draw is allowed, and its payment waits."""
    counter.at_the_line().draw()
    counter.office.receive(counter.signed())
    return counter


def revoke(counter: Counter) -> str:
    (allow,) = (value for value, verdict in counter.detect.honest.items() if verdict.draw_id == DRAW.draw_id)
    return counter.office.receive(counter.revocation(Record(allow, [])))


def expire(counter: Counter) -> None:
    counter.office.clock.turn(ALLOW_LASTS_MS)


def payment(counter: Counter) -> Parcel:
    (parcel,) = counter.waiting("payment")
    return parcel


def begin(counter: Counter) -> Instruction | None:
    parcel = payment(counter)
    return counter.office.do(lambda c, now_ms: paying.begin(c, counter.office.desk.actor, parcel, now_ms))


@pytest.mark.parametrize("undo", [revoke, expire])
def test_nobody_is_told_to_pay_on_an_allow_that_holds_no_more(
    allowed: Counter, undo: Callable[[Counter], object]
) -> None:
    undo(allowed)
    assert begin(allowed) is None
    assert (allowed.gate().state, allowed.gate().verdict_id) == ("waiting", None)
    assert allowed.waiting("payment") == []


@pytest.mark.parametrize("undo", [revoke, expire])
def test_an_order_in_doubt_is_closed_when_its_allow_holds_no_more(
    allowed: Counter, undo: Callable[[Counter], object]
) -> None:
    first = begin(allowed)
    assert first is not None
    assert (first.void, allowed.gate().state) == (False, "sending")
    undo(allowed)
    again = begin(allowed)
    assert again == first._replace(void=True)


def test_an_allow_pays_until_the_millisecond_before_it_expires(allowed: Counter) -> None:
    expires_ms = allowed.gate().expires_ms or 0
    parcel, actor = payment(allowed), allowed.office.desk.actor
    told = allowed.office.database.run(lambda c: paying.begin(c, actor, parcel, expires_ms - 1))
    late = allowed.office.database.run(lambda c: paying.begin(c, actor, parcel, expires_ms))
    assert told is not None
    assert late is not None
    assert (told.void, late.void) == (False, True)


@pytest.mark.parametrize(
    ("outcome", "state", "codes"),
    [
        (Outcome.EXECUTED, "done", []),
        (Outcome.VOIDED, "failed", []),
        (Outcome.REFUSED, "failed", ["BANK_REFUSED"]),
    ],
)
def test_the_first_word_of_the_bank_is_the_last(
    allowed: Counter, outcome: Outcome, state: State, codes: list[str]
) -> None:
    begin(allowed)
    parcel, actor = payment(allowed), allowed.office.desk.actor
    for said in (outcome, *Outcome):
        settled = Settled(status=said)
        allowed.office.do(lambda c, now_ms, settled=settled: paying.settle(c, actor, parcel, settled, now_ms))
    assert (allowed.gate().state, allowed.waiting("payment")) == (state, [])
    assert [row.code for row in allowed.rows(alerts)] == codes
