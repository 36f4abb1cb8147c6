import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from menshen.standins.ledger import AnotherOrder, Ledger, LedgerUnreadable, Order

ORDER = Order(application_id="a1", draw_id="d1", payee_ref="p1", amount="5000.00", currency="CNY")
DEARER = msgspec.structs.replace(ORDER, amount="5000.01")


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def files_no_longer_than(n_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_key_moves_money_once_however_often_it_is_asked() -> None:
    ledger = Ledger()
    first, again = ledger.execute("k", ORDER), ledger.execute("k", ORDER)
    assert first == again
    assert [entry.key for entry in ledger.executed()] == ["k"]


def test_the_same_order_under_two_keys_moves_money_twice_in_their_order() -> None:
    ledger = Ledger()
    for key in ("second", "first"):
        ledger.execute(key, ORDER)
    assert [entry.key for entry in ledger.executed()] == ["second", "first"]


def test_another_order_under_a_key_is_not_taken_and_changes_nothing() -> None:
    ledger = Ledger()
    ledger.execute("k", ORDER)
    with pytest.raises(AnotherOrder):
        ledger.execute("k", DEARER)
    assert [entry.order for entry in ledger.executed()] == [ORDER]


def test_what_was_voided_first_moves_no_money_later() -> None:
    ledger = Ledger()
    assert ledger.void("k").status == "voided"
    assert ledger.execute("k", ORDER).status == "voided"
    assert ledger.executed() == []


def test_voiding_comes_too_late_once_the_money_has_moved() -> None:
    ledger = Ledger()
    ledger.execute("k", ORDER)
    assert ledger.void("k").status == "executed"
    assert len(ledger.executed()) == 1


def test_a_refusal_is_final_and_keeps_its_reason() -> None:
    ledger = Ledger()
    refused = ledger.refuse("k", ORDER, "reported")
    assert [ledger.execute("k", ORDER), ledger.refuse("k", ORDER, "other"), ledger.void("k")] == [refused] * 3
    assert refused.why == "reported"
    assert ledger.executed() == []


def test_money_that_moved_cannot_be_refused_any_more() -> None:
    ledger = Ledger()
    ledger.execute("k", ORDER)
    assert ledger.refuse("k", ORDER, "reported").status == "executed"


def test_a_ledger_in_a_file_remembers_every_key(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger") as before:
        told = [before.execute("e", ORDER), before.refuse("r", ORDER, "reported"), before.void("v")]
    with opened(tmp_path / "ledger") as after:
        assert [after.find(key) for key in "erv"] == told
        assert [after.execute(key, ORDER) for key in "erv"] == told
        with pytest.raises(AnotherOrder):
            after.execute("e", DEARER)
        assert [entry.key for entry in after.executed()] == ["e"]


def test_an_entry_is_in_the_file_before_its_answer(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger") as ledger:
        told = ledger.execute("k", ORDER)
        assert msgspec.json.decode((tmp_path / "ledger").read_bytes()) == msgspec.to_builtins(told)


def test_half_a_line_at_the_end_was_never_answered_and_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with opened(path) as ledger:
        ledger.execute("whole", ORDER)
        ledger.execute("torn", ORDER)
    path.write_bytes(path.read_bytes()[:-20])
    with opened(path) as ledger:
        assert ledger.find("torn") is None
        ledger.execute("next", ORDER)
    with opened(path) as ledger:
        assert [entry.key for entry in ledger.executed()] == ["whole", "next"]


def test_after_a_write_that_failed_nothing_moves_until_the_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with opened(path) as ledger:
        ledger.execute("before", ORDER)
        with files_no_longer_than(path.stat().st_size + 10), pytest.raises(OSError):
            ledger.execute("failed", ORDER)
        with pytest.raises(ValueError, match="closed"):
            ledger.execute("after", ORDER)
        assert [entry.key for entry in ledger.executed()] == ["before"]
    with opened(path) as ledger:
        assert [entry.key for entry in ledger.executed()] == ["before"]
        assert ledger.execute("failed", ORDER).status == "executed"


@pytest.mark.parametrize(
    "held",
    [
        b"not json\n",
        b"one line of somebody's, without its end",
        b"{}",
        b'{"key":"k","status":"voided"}\nsomebody else',
        b"\xff\n",
        b'{"key": "k", "status": "\xff"}\n',
        b'{"key": "k"}\n',
        b'{"key": "k", "status": "executed", "balance": 1}\n',
        b'{"key": "k", "status": "voided"}\n{"key": "k", "status": "voided"}\n',
    ],
)
def test_a_file_that_no_ledger_wrote_is_refused_and_left_as_it_is(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "ledger").write_bytes(held)
    with pytest.raises(LedgerUnreadable):
        Ledger(tmp_path / "ledger")
    assert (tmp_path / "ledger").read_bytes() == held
