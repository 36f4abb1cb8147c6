"""The walk that ARCHITECTURE.md tells of a verdict is the walk of a real one, up to the bank's ledger."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from tests.docs.tracing import Trace, told, traced
from tests.servers.onboard import verdict_on
from tests.servers.standins import Standins

from menshen.contract import topics
from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint
from menshen.contract.signature import TrustedKeys
from menshen.loan.gate import Advanced, Gate, Visit
from menshen.loan.policy import parse_loan_policy
from menshen.onboard.desk import Desk, clock_ms
from menshen.onboard.ports import Bank, Challenges
from menshen.onboard.sender import Outside, Sender
from menshen.onboard.sql import outbox
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.store import Kept
from menshen.onboard.verdicts import Record, VerdictAgent
from menshen.shell.bundled import bundled
from menshen.shell.embedded.servers import EmbeddedBroker
from menshen.shell.kafka.clients import Publisher
from menshen.shell.settings import KafkaSettings
from menshen.shell.signing import Signer, new_key_pair

WALK = "## The walk of one verdict"
VISIT = Visit("v-1", "d-1", "authenticated")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """What is called from the verdict on a draw to the bank's answer."""
    folder = tmp_path_factory.mktemp("gate")
    with EmbeddedBroker(dict.fromkeys(topics.ALL, 1)) as broker, Standins() as standins:
        settings = KafkaSettings(kafka_bootstrap_servers=broker.bootstrap_servers)
        return asyncio.run(pay_one(settings, standins, folder))


async def pay_one(settings: KafkaSettings, standins: Standins, folder: Path) -> Trace:
    private, public = new_key_pair()
    database = Database(f"sqlite:///{folder / 'menshen.db'}")
    database.upgrade()
    policy = parse_loan_policy(bundled("deploy/policy/loan.toml").read_text())
    asked = ask_about_a_draw(Desk(database, "default", policy))
    value = msgspec.json.encode(verdict_on(asked, "allow"))
    trace, publisher = Trace(("onboard/verdicts.py", "VerdictAgent.take")), Publisher(settings)
    await publisher.start()
    async with ClientSession() as session:
        proofs = Challenges(session, standins.otp_url, timeout_s=5)
        outside = Outside(proofs, proofs, Bank(session, standins.bank_url, timeout_s=5))
        with traced(trace, threads=True):
            desk = Desk(database, "default", policy)  # its threads are to be watched
            agent = VerdictAgent(desk, TrustedKeys.from_pem(public))
            await agent.take([Record(value, Signer(private).headers(value), clock_ms())])
            sender = Sender(desk, publisher, outside)
            sending = asyncio.create_task(sender.run())
            until_s = time.monotonic() + 30
            while ("onboard/paying.py", "settle") not in trace.calls and time.monotonic() < until_s:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            sender.stop()
            await sending
        await desk.close()
    await publisher.stop()
    return trace


def ask_about_a_draw(desk: Desk) -> Checkpoint:
    """Return the question about a draw of a customer whose line is open."""
    draw = Gate(
        application_id="app-1",
        step="fund_transfer",
        draw_id="draw-1",
        payee_ref="payee-1",
        amount=Decimal("500.00"),
        currency="CNY",
    )
    desk.database.run(lambda c: desk.gatekeeper.open_application(c, "app-1", "s-1", "cash-loan", now_ms=clock_ms()))
    kept = Kept(desk.store.gate_id("app-1", "fund_transfer", "draw-1"), draw, "s-1", clock_ms())
    desk.database.run(lambda c: desk.store.add_gate(c, kept))
    desk.database.run(lambda c: desk.actor.act(c, kept, Advanced(VISIT), now_ms=clock_ms()))
    (question,) = desk.database.read(lambda c: outbox.waiting(c, ["event"], clock_ms(), 10))
    asked = decode_event(question.body)
    assert isinstance(asked, Checkpoint)
    return asked


def test_the_walk_of_a_verdict_stands_in_the_order_in_which_the_code_runs(calls: Trace) -> None:
    walk = told(WALK)
    assert len(walk) > 10
    assert [call for call in calls.calls if call in walk] == walk
