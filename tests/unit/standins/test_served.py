"""The real process, over HTTP: what the protocol promises, and how the process ends."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from tests.servers.standins import Answer, Standins, call

from menshen.commands.processes.standins import standins as command
from menshen.shell.embedded.servers import free_port

ORDER = {"application_id": "a1", "draw_id": "d1", "payee_ref": "p1", "amount": "5000.00", "currency": "CNY"}
REQUEST = {"method": "otp", "subject_id": "s1", "device_id": "d1"}


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with Standins() as running:
        yield running


@pytest.fixture
def key() -> str:
    return str(uuid4())


def transfer(standins: Standins, key: str, **changed: object) -> Answer:
    return call("PUT", f"{standins.bank_url}/transfers/{key}", ORDER | changed)


def void(standins: Standins, key: str) -> Answer:
    return call("POST", f"{standins.bank_url}/transfers/{key}/void")


def find(standins: Standins, key: str) -> Answer:
    return call("GET", f"{standins.bank_url}/transfers/{key}")


def moved(standins: Standins, key: str) -> list[dict[str, str]]:
    return [entry for entry in standins.ledger() if entry["key"] == key]


def test_a_transfer_is_made_once_and_told_again(standins: Standins, key: str) -> None:
    assert find(standins, key).status == 404
    assert transfer(standins, key) == (201, {"status": "executed"})
    assert transfer(standins, key) == (200, {"status": "executed"})
    assert find(standins, key) == (200, {"key": key, "status": "executed", "order": ORDER})
    assert moved(standins, key) == [{"key": key, **ORDER}]


def test_another_body_under_a_key_is_a_conflict(standins: Standins, key: str) -> None:
    transfer(standins, key)
    assert transfer(standins, key, amount="5000.01").status == 409
    assert moved(standins, key) == [{"key": key, **ORDER}]


def test_a_voided_key_moves_no_money(standins: Standins, key: str) -> None:
    assert void(standins, key) == (200, {"status": "voided"})
    assert transfer(standins, key) == (410, {"status": "voided"})
    assert moved(standins, key) == []


def test_voiding_what_was_executed_says_so(standins: Standins, key: str) -> None:
    transfer(standins, key)
    assert void(standins, key) == (200, {"status": "executed"})


def test_the_banks_own_refusal_is_final(standins: Standins, key: str) -> None:
    standins.script("refuse", why="reported")
    refused = {"status": "refused", "why": "reported"}
    assert [transfer(standins, key) for _ in range(2)] == [(422, refused)] * 2
    assert void(standins, key) == (200, refused)
    assert moved(standins, key) == []


@pytest.mark.parametrize(("fault", "n_moved"), [("error_500", 0), ("error_500_after_success", 1)])
def test_an_error_tells_nothing_and_comes_before_or_after_the_money_has_moved(
    standins: Standins, key: str, fault: str, n_moved: int
) -> None:
    standins.script(fault)
    assert transfer(standins, key).status == 500
    assert len(moved(standins, key)) == n_moved
    assert transfer(standins, key).status == (200 if n_moved else 201)
    assert len(moved(standins, key)) == 1


@pytest.mark.parametrize(("fault", "n_moved"), [("timeout_before", 0), ("timeout_after_success", 1)])
def test_a_connection_breaks_before_or_after_the_money_has_moved(
    standins: Standins, key: str, fault: str, n_moved: int
) -> None:
    standins.script(fault)
    with pytest.raises(OSError):
        transfer(standins, key)
    assert len(moved(standins, key)) == n_moved
    assert transfer(standins, key).status == (200 if n_moved else 201)
    assert len(moved(standins, key)) == 1
    assert "Traceback" not in standins.output()


def test_a_fault_waits_for_its_payee(standins: Standins, key: str) -> None:
    standins.script("error_500", payee_ref="p2")
    assert transfer(standins, key).status == 201
    assert [fault["payee_ref"] for fault in call("GET", f"{standins.bank_url}/script").body] == ["p2"]
    assert transfer(standins, f"{key}-2", payee_ref="p2").status == 500
    assert call("GET", f"{standins.bank_url}/script").body == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"amount": 5000.0}, "$.amount"),
        ({"amount": 5000}, "$.amount"),
        ({"amount": "-1.00"}, "$.amount"),
        ({"amount": "0.00"}, "more than zero"),
        ({"amount": "1.000"}, "$.amount"),
        ({"amount": "1"}, "$.amount"),
        ({"amount": "NaN"}, "$.amount"),
        ({"amount": "1e3"}, "$.amount"),
        ({"amount": None}, "$.amount"),
        ({"amount": "1.00\n"}, "$.amount"),
        ({"currency": "yuan"}, "$.currency"),
        ({"payee_ref": ""}, "$.payee_ref"),
        ({"note": "x"}, "note"),
    ],
)
def test_an_order_that_cannot_be_meant_is_named_and_moves_nothing(
    standins: Standins, key: str, changed: dict[str, object], what: str
) -> None:
    answer = transfer(standins, key, **changed)
    assert answer.status == 422
    assert what in answer.body["problem"]
    assert find(standins, key).status == 404


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b"\xff", b'{"application_id": "\xff"}', b'{"amount": NaN}'])
def test_a_body_that_is_no_order_is_refused(standins: Standins, key: str, raw: bytes) -> None:
    answer = call("PUT", f"{standins.bank_url}/transfers/{key}", raw=raw)
    assert answer.status == 422
    assert answer.body["problem"]


@pytest.mark.parametrize(
    "fault", [{"fault": "explode"}, {"fault": "refuse", "times": 2}, {"fault": "refuse", "why": ""}]
)
def test_a_fault_that_nobody_knows_is_refused(standins: Standins, fault: dict[str, object]) -> None:
    assert call("POST", f"{standins.bank_url}/script", fault).status == 422
    assert call("GET", f"{standins.bank_url}/script").body == []


def test_fifty_at_once_under_one_key_move_money_once(standins: Standins, key: str) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: transfer(standins, key), range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert moved(standins, key) == [{"key": key, **ORDER}]


def test_a_code_goes_from_the_phone_to_the_challenge(standins: Standins, key: str) -> None:
    challenge = f"{standins.otp_url}/challenges/{key}"
    assert call("PUT", challenge, REQUEST) == (201, REQUEST)
    assert call("PUT", challenge, REQUEST) == (200, REQUEST)
    assert call("PUT", challenge, REQUEST | {"device_id": "d2"}).status == 409
    assert call("GET", f"{standins.otp_url}/phones/s1").body["challenge_id"] == key
    right, wrong = {"answer": standins.code_for("s1")}, {"answer": "no code"}
    assert call("POST", f"{challenge}/answers", wrong) == (200, {"outcome": "failed", "remaining": 2})
    assert call("POST", f"{challenge}/answers", right) == (200, {"outcome": "passed", "remaining": 0})
    assert call("POST", f"{challenge}/answers", wrong) == (410, {"outcome": "passed", "remaining": 0})


def test_a_challenge_that_was_failed_is_gone(standins: Standins, key: str) -> None:
    challenge = f"{standins.face_url}/challenges/{key}"
    call("PUT", challenge, REQUEST | {"method": "face"})
    told = [call("POST", f"{challenge}/answers", {"answer": "a mask"}) for _ in range(4)]
    assert [answer.status for answer in told] == [200, 200, 200, 410]
    assert told[-1].body == {"outcome": "failed", "remaining": 0}


def test_whose_face_it_is_can_be_scripted(standins: Standins, key: str) -> None:
    challenge = f"{standins.face_url}/challenges/{key}"
    call("PUT", challenge, REQUEST | {"method": "face", "subject_id": "s/9"})
    standins.show_face("s/9", "somebody else")
    assert call("POST", f"{challenge}/answers", {"answer": "face-of-s/9"}).body["outcome"] == "failed"
    assert call("POST", f"{challenge}/answers", {"answer": "somebody else"}).body["outcome"] == "passed"


def test_what_was_never_issued_or_sent_is_not_there(standins: Standins, key: str) -> None:
    assert call("POST", f"{standins.otp_url}/challenges/{key}/answers", {"answer": "1"}).status == 404
    assert call("GET", f"{standins.otp_url}/phones/nobody").status == 404


@pytest.mark.parametrize("changed", [{"method": "face"}, {"method": "magic"}, {"subject_id": ""}, {"code": "1"}])
def test_a_challenge_that_this_service_cannot_issue_is_refused(
    standins: Standins, key: str, changed: dict[str, str]
) -> None:
    assert call("PUT", f"{standins.otp_url}/challenges/{key}", REQUEST | changed).status == 422


def test_a_restart_with_the_same_file_keeps_every_key_used(tmp_path: Path, key: str) -> None:
    with Standins(ledger=tmp_path / "ledger") as before:
        transfer(before, key)
        assert before.stop(signal.SIGKILL) == 247
    with Standins(ledger=tmp_path / "ledger") as after:
        assert transfer(after, key) == (200, {"status": "executed"})
        assert transfer(after, key, draw_id="d2").status == 409
        assert after.ledger() == [{"key": key, **ORDER}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order_though_a_connection_is_held(number: signal.Signals) -> None:
    with Standins() as running, ThreadPoolExecutor(1) as pool:
        running.script("timeout_after_success", seconds=600)
        held = pool.submit(transfer, running, "k")
        while not running.ledger():
            pass
        assert running.stop(number) == 0
        assert isinstance(held.exception(), OSError)


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    port = free_port()
    with Standins(port=port):
        done = CliRunner().invoke(command, ["--port", str(port)])
    assert done.exit_code == 1
    assert str(port) in done.output
    assert "Traceback" not in done.output


def test_a_ledger_that_cannot_be_read_stops_it_with_status_78(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("balance: plenty\n")
    done = CliRunner().invoke(command, ["--ledger", str(tmp_path / "ledger")])
    assert done.exit_code == 78
    assert done.output.startswith(f"{tmp_path / 'ledger'}: not a ledger")
