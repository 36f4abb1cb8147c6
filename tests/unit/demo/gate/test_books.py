import msgspec
import pytest
from msgspec.structs import replace

from menshen.contract.verdict import Verdict
from menshen.demo.gate.books import Entry, allow_of, audit
from menshen.demo.gate.lender import Transfer
from menshen.demo.gate.scene import Payment

RENT = Transfer(key="k-1", application_id="a-1", draw_id="rent", payee_ref="landlord", amount="2500.00", currency="CNY")
DUE = Payment("a-1", "rent", "landlord", "2500.00")
PAID = Entry(RENT, paid_ms=1, verdict_id="v-1")
ALLOW = msgspec.convert(
    {
        "verdict_id": "v-1",
        "kind": "gate",
        "event_id": "e-1",
        "subject_id": "s-1",
        "session_id": "s",
        "decision": "allow",
        "score": 0,
        "decided_ms": 0,
        "expires_ms": 1,
        "application_id": "a-1",
        "draw_id": "rent",
        "payee_ref": "landlord",
        "amount_max": "2500.00",
        "currency": "CNY",
    },
    Verdict,
)


def failed(entries: list[Entry], payments: list[Payment]) -> list[str]:
    return [f"{one.row.what}: {one.got}" for one in audit(entries, payments) if not one.held]


def test_books_that_hold_what_the_stories_say_are_in_order() -> None:
    assert failed([PAID], [DUE]) == []
    assert failed([], []) == []


def test_money_without_a_signed_allow_is_found() -> None:
    assert failed([replace(PAID, verdict_id=None)], [DUE]) == ["entries that no signed verdict allows: rent"]


def test_a_payment_that_did_not_go_out_is_found() -> None:
    assert failed([], [DUE]) == ["payments that are missing: rent to landlord: 2500.00", "sum of 1 payments: 0.00"]


def test_a_payment_that_went_out_twice_is_found() -> None:
    again = replace(PAID, transfer=replace(RENT, key="k-2"))
    assert failed([PAID, again], [DUE]) == [
        "entries that no story expects: rent to landlord: 2500.00",
        "sum of 1 payments: 5000.00",
    ]


def test_a_payment_to_another_is_found_though_the_sum_is_right() -> None:
    elsewhere = replace(PAID, transfer=replace(RENT, payee_ref="accomplice"))
    assert failed([elsewhere], [DUE]) == [
        "payments that are missing: rent to landlord: 2500.00",
        "entries that no story expects: rent to accomplice: 2500.00",
    ]


def test_an_allow_is_for_its_payment_and_up_to_its_amount() -> None:
    assert allow_of(RENT, [ALLOW]) == "v-1"
    assert allow_of(replace(RENT, amount="2499.99"), [ALLOW]) == "v-1"


@pytest.mark.parametrize(
    "changed",
    [
        {"application_id": "a-2"},
        {"draw_id": "fees"},
        {"payee_ref": "accomplice"},
        {"amount": "2500.01"},
        {"currency": "USD"},
    ],
)
def test_an_allow_is_for_nothing_else(changed: dict[str, str]) -> None:
    assert allow_of(replace(RENT, **changed), [ALLOW]) is None
