"""The ports against the real stand-ins, and against a server that answers what no service should."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace
from tests.servers.standins import Standins

from menshen.onboard.ports import Answered, Bank, Challenges, Order, Outcome, Settled, transfer_key
from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.errors import Unavailable

PATIENCE_S = 20.0
EXECUTED, VOIDED = Settled(status=Outcome.EXECUTED), Settled(status=Outcome.VOIDED)


@pytest.fixture(scope="module")
def standins() -> Iterator[Standins]:
    with Standins() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def bank(standins: Standins, session: ClientSession) -> Bank:
    return Bank(session, standins.bank_url, timeout_s=PATIENCE_S)


@pytest.fixture
def order() -> Order:
    key = str(uuid4())
    return Order(
        key=key, application_id="a1", draw_id="d1", payee_ref=f"p-{key}", amount=Decimal("5000.10"), currency="CNY"
    )


def moved(standins: Standins, order: Order) -> list[str]:
    return [entry["amount"] for entry in standins.ledger() if entry["key"] == order.key]


@asynccontextmanager
async def answering(*raws: bytes) -> AsyncIterator[str]:
    """A server that answers each call with the next of these bytes, whatever was asked."""
    left = list(raws)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


def reply(status: int, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def test_a_draw_has_one_key_and_no_other_draw_has_it() -> None:
    key = transfer_key("t", "a1", "d1")
    assert key == transfer_key("t", "a1", "d1")
    assert len({key, transfer_key("u", "a1", "d1"), transfer_key("t", "a", "1d1"), transfer_key("t", "a1", "d2")}) == 4


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "0", "-1", "0.001", "1.005", "1000000000000", "1E+30"])
def test_an_order_is_about_money_that_can_move(order: Order, amount: str) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        replace(order, amount=Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "wire"), [("5", "5.00"), ("1E+3", "1000.00"), ("0.01", "0.01"), ("999999999999.990", "999999999999.99")]
)
async def test_money_crosses_the_wire_to_the_cent(
    standins: Standins, bank: Bank, order: Order, amount: str, wire: str
) -> None:
    sent = replace(order, amount=Decimal(amount))
    assert await bank.transfer(sent) == EXECUTED
    assert moved(standins, sent) == [wire]


async def test_fifty_transfers_at_once_with_one_key_move_money_once(
    standins: Standins, bank: Bank, order: Order
) -> None:
    assert await asyncio.gather(*(bank.transfer(order) for _ in range(50))) == [EXECUTED] * 50
    assert moved(standins, order) == ["5000.10"]


@pytest.mark.parametrize("fault", ["error_500", "error_500_after_success", "timeout_before", "timeout_after_success"])
async def test_an_unknown_outcome_is_known_after_asking_again(
    standins: Standins, bank: Bank, order: Order, fault: str
) -> None:
    standins.script(fault, payee_ref=order.payee_ref)
    with pytest.raises(Unavailable, match="bank"):
        await bank.transfer(order)
    assert len(moved(standins, order)) == (1 if fault.endswith("after_success") else 0)
    assert await bank.transfer(order) == EXECUTED
    assert moved(standins, order) == ["5000.10"]


async def test_a_bank_that_keeps_silent_is_not_waited_for(
    standins: Standins, session: ClientSession, bank: Bank, order: Order
) -> None:
    standins.script("timeout_after_success", payee_ref=order.payee_ref, seconds=600)
    with pytest.raises(Unavailable, match="TimeoutError"):
        await Bank(session, standins.bank_url, timeout_s=0.3).transfer(order)
    assert await bank.void(order.key) == EXECUTED


async def test_the_banks_own_refusal_is_told_with_its_reason(standins: Standins, bank: Bank, order: Order) -> None:
    standins.script("refuse", payee_ref=order.payee_ref, why="reported")
    refused = Settled(status=Outcome.REFUSED, why="reported")
    assert [await bank.transfer(order), await bank.transfer(order), await bank.void(order.key)] == [refused] * 3
    assert moved(standins, order) == []


async def test_a_voided_transfer_stays_void(standins: Standins, bank: Bank, order: Order) -> None:
    assert [await bank.void(order.key), await bank.transfer(order), await bank.void(order.key)] == [VOIDED] * 3
    assert moved(standins, order) == []


async def test_voiding_and_executing_at_once_agree_on_one_outcome(standins: Standins, bank: Bank, order: Order) -> None:
    settled = await asyncio.gather(*(call for _ in range(10) for call in (bank.transfer(order), bank.void(order.key))))
    assert settled in ([EXECUTED] * 20, [VOIDED] * 20)
    assert len(moved(standins, order)) == (settled[0] == EXECUTED)


async def test_another_order_under_a_used_key_is_no_success(bank: Bank, order: Order) -> None:
    await bank.transfer(order)
    with pytest.raises(Unavailable, match="409"):
        await bank.transfer(replace(order, amount=Decimal(1)))


async def test_a_bank_that_comes_back_knows_what_it_did(tmp_path: Path, session: ClientSession, order: Order) -> None:
    port = free_port()
    bank = Bank(session, f"http://{HOST}:{port}/bank/", timeout_s=PATIENCE_S)
    with Standins(ledger=tmp_path / "ledger", port=port):
        await bank.transfer(order)
    with pytest.raises(Unavailable, match="no answer"):
        await bank.transfer(order)
    with Standins(ledger=tmp_path / "ledger", port=port) as again:
        assert await bank.transfer(order) == EXECUTED
        assert moved(again, order) == ["5000.10"]


@pytest.mark.parametrize(
    "raw",
    [
        reply(503, '{"status": "executed"}'),
        reply(500, '{"status": "refused"}'),
        reply(202, '{"status": "executed"}'),
        reply(404, '{"status": "voided"}'),
        reply(429, ""),
        reply(200, ""),
        reply(200, "<html>executed</html>"),
        reply(200, '{"status": "pending"}'),
        reply(200, '{"status": "voided"}'),
        reply(201, '{"status": "refused"}'),
        reply(410, '{"status": "executed"}'),
        reply(422, '{"status": "executed"}'),
        reply(422, '{"problem": "Expected `str` - at `$.amount`"}'),
        reply(200, '{"status": "executed"}')[:-5],
        reply(200, '{"status": "\udcff"}'.encode("utf-8", "surrogateescape").decode("latin-1")),
        b"HTTP/1.1 200",
        b"",
    ],
)
async def test_what_a_bank_should_not_answer_is_never_read_as_an_outcome(
    session: ClientSession, order: Order, raw: bytes
) -> None:
    async with answering(raw) as url:
        with pytest.raises(Unavailable, match="bank"):
            await Bank(session, url, timeout_s=PATIENCE_S).transfer(order)


@pytest.mark.parametrize("status", [301, 303, 307])
async def test_a_redirect_is_not_followed(session: ClientSession, order: Order, status: int) -> None:
    async with answering(reply(status, "", "Location: /elsewhere"), reply(200, '{"status": "executed"}')) as url:
        with pytest.raises(Unavailable, match=str(status)):
            await Bank(session, url, timeout_s=PATIENCE_S).transfer(order)


@pytest.mark.parametrize("raw", [reply(200, '{"status": "pending"}'), reply(410, '{"status": "voided"}')])
async def test_what_a_bank_should_not_answer_is_no_void_either(session: ClientSession, raw: bytes) -> None:
    async with answering(raw) as url:
        with pytest.raises(Unavailable, match="bank"):
            await Bank(session, url, timeout_s=PATIENCE_S).void("k")


async def test_a_code_is_asked_for_and_answered(standins: Standins, session: ClientSession) -> None:
    codes = Challenges(session, standins.otp_url, timeout_s=PATIENCE_S)
    for _ in range(2):
        await codes.issue("c1", "otp", subject_id="s1", device_id="d1")
    assert await codes.answer("c1", "no code") == Answered(outcome="failed", remaining=2)
    passed = Answered(outcome="passed", remaining=0)
    assert await codes.answer("c1", standins.code_for("s1")) == passed
    assert await codes.answer("c1", "no code") == passed


async def test_a_face_that_is_not_the_subjects_fails_for_good_at_the_third_try(
    standins: Standins, session: ClientSession
) -> None:
    faces = Challenges(session, standins.face_url, timeout_s=PATIENCE_S)
    await faces.issue("c/1", "face", subject_id="s1", device_id="d1")
    told = [await faces.answer("c/1", answer) for answer in ("a mask", "a mask", "a mask", "face-of-s1")]
    assert [answer.remaining for answer in told] == [2, 1, 0, 0]
    assert {answer.outcome for answer in told} == {"failed"}


async def test_a_challenge_that_is_unknown_or_stands_for_something_else_is_no_answer(
    standins: Standins, session: ClientSession
) -> None:
    codes = Challenges(session, standins.otp_url, timeout_s=PATIENCE_S)
    with pytest.raises(Unavailable, match="404"):
        await codes.answer("never-issued", "1")
    await codes.issue("c2", "otp", subject_id="s1", device_id="d1")
    with pytest.raises(Unavailable, match="409"):
        await codes.issue("c2", "otp", subject_id="s1", device_id="d2")
