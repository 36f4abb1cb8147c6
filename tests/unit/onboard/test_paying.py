"""A payment on its way to the bank: what is told, when nothing is told any more, and what the answer does."""

import pytest
from tests.gate.signing import ALLOW_LASTS_MS
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.onboarding import State
from menshen.onboard import paying
from menshen.onboard.paying import Instruction
from menshen.onboard.ports import Outcome, Settled, transfer_key
from menshen.onboard.sql.outbox import Parcel
from menshen.onboard.sql.tables import alerts, gates


@pytest.fixture
def allowed(counter: Counter) -> Counter:
    """A draw is allowed, and its payment waits."""
    counter.at_the_line().draw("1000.50")
    counter.answer()
    return counter


def payment(counter: Counter) -> Parcel:
    (parcel,) = counter.waiting("payment")
    return parcel


def begin(counter: Counter) -> Instruction | None:
    parcel = payment(counter)
    return counter.office.do(lambda c, now_ms: paying.begin(c, counter.office.desk.actor, parcel, now_ms))


def settle(counter: Counter, settled: Settled) -> None:
    parcel = payment(counter)
    counter.office.do(lambda c, now_ms: paying.settle(c, counter.office.desk.actor, parcel, settled, now_ms))


def pass_expiry(counter: Counter, early_ms: int = 0) -> None:
    counter.office.clock.turn(ALLOW_LASTS_MS - early_ms)


def revoke(counter: Counter) -> None:
    (allow,) = (value for value, verdict in counter.detect.honest.items() if verdict.draw_id == DRAW.draw_id)
    counter.office.receive(counter.detect.revoke(counter.detect.honest[allow], counter.office.clock.now_ms))


def test_the_bank_is_told_what_was_allowed_under_the_key_of_the_draw(allowed: Counter) -> None:
    told = begin(allowed)
    assert told is not None
    order = told.order
    assert (order.key, told.void) == (transfer_key("t", "a1", "w1"), False)
    assert (f"{order.amount:.2f}", order.payee_ref, order.currency) == ("1000.50", "p1", "CNY")
    assert told.expires_ms == allowed.gate().expires_ms
    assert allowed.gate().state == "sending"


def test_an_allow_that_has_expired_meanwhile_sends_nothing_and_the_customer_may_ask_again(allowed: Counter) -> None:
    pass_expiry(allowed)
    assert begin(allowed) is None
    assert (allowed.gate().state, allowed.waiting("payment")) == ("waiting", [])
    allowed.draw("1000.50")
    assert allowed.gate().state == "asked"


def test_an_allow_that_was_taken_back_sends_nothing(allowed: Counter) -> None:
    revoke(allowed)
    assert begin(allowed) is None
    assert (allowed.gate().state, allowed.waiting("payment")) == ("waiting", [])


def test_an_order_that_is_told_again_is_the_same(allowed: Counter) -> None:
    first = begin(allowed)
    assert first is not None
    assert begin(allowed) == first


def test_an_order_whose_fate_is_unknown_is_closed_once_its_allow_has_expired(allowed: Counter) -> None:
    begin(allowed)
    pass_expiry(allowed)
    told = begin(allowed)
    assert told is not None
    assert told.void


def test_an_order_whose_fate_is_unknown_is_closed_once_its_allow_is_doubted(allowed: Counter) -> None:
    begin(allowed)
    revoke(allowed)
    told = begin(allowed)
    assert told is not None
    assert (told.void, allowed.gate().doubted) == (True, True)


@pytest.mark.parametrize(
    ("settled", "state", "codes"),
    [
        (Settled(status=Outcome.EXECUTED), "done", []),
        (Settled(status=Outcome.VOIDED), "failed", []),
        (Settled(status=Outcome.REFUSED, why="no"), "failed", ["BANK_REFUSED"]),
    ],
)
def test_the_bank_s_word_ends_the_payment_and_comes_twice_without_harm(
    allowed: Counter, settled: Settled, state: State, codes: list[str]
) -> None:
    begin(allowed)
    parcel = payment(allowed)
    for _ in range(2):
        allowed.office.do(lambda c, now_ms: paying.settle(c, allowed.office.desk.actor, parcel, settled, now_ms))
    assert (allowed.gate().state, allowed.waiting("payment")) == (state, [])
    assert [row.code for row in allowed.rows(alerts)] == codes


def test_money_that_went_on_an_allow_that_was_doubted_meanwhile_raises_a_recall(allowed: Counter) -> None:
    begin(allowed)
    revoke(allowed)
    settle(allowed, Settled(status=Outcome.EXECUTED))
    assert allowed.gate().state == "done"
    assert [row.code for row in allowed.rows(alerts)] == ["RECALL"]


def test_the_time_of_the_payment_is_when_the_bank_said_so(allowed: Counter) -> None:
    begin(allowed)
    assert {row.paid_ms for row in allowed.rows(gates)} == {None}
    settle(allowed, Settled(status=Outcome.EXECUTED))
    assert {row.paid_ms for row in allowed.rows(gates) if row.draw_id} == {allowed.office.clock.now_ms}
