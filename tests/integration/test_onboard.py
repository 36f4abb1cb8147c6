"""`menshen onboard` as a process: what it does with verdicts, with silence, and with its own end."""

import json
import re
import signal
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.servers.customers import Customer
from tests.servers.detect import Worker
from tests.servers.kafka import Kafka
from tests.servers.onboard import Lender, verdict_on, wait_until
from tests.servers.postgres import Postgres

from menshen.contract.events import Checkpoint
from menshen.contract.topics import EVENTS
from menshen.contract.verdict import Decision
from menshen.onboard.sql.database import Database

pytestmark = pytest.mark.slow


def allow(_: Checkpoint) -> Decision:
    return "allow"


def silent(_: Checkpoint) -> None:
    return None


def fates(worker: Worker) -> dict[str, float]:
    """Return how many records of the verdict topic met each fate."""
    counted = re.findall(r'menshen_onboard_verdicts_total\{fate="(\w+)"\} ([0-9.]+)', worker.get("/metrics"))
    return {fate: float(n) for fate, n in counted}


def events_of(kafka: Kafka, subject_id: str) -> list[dict[str, object]]:
    """Return the events about a subject in their order in the log."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "events-of"})
    seen = []
    for partition in consumer.list_topics(EVENTS, 10).topics[EVENTS].partitions:
        where = TopicPartition(EVENTS, partition, 0)
        _, end = consumer.get_watermark_offsets(where, 10)
        consumer.assign([where])
        for record in _records(consumer, end):
            seen += [json.loads(record.value())] if record.key() == subject_id.encode() else []
    consumer.close()
    return seen


def _records(consumer: Consumer, end: int) -> Iterator[object]:
    for _ in range(end):
        record = consumer.poll(10)
        assert record is not None and record.error() is None
        yield record


def test_a_customer_goes_from_eligibility_to_two_payments(lender: Lender) -> None:
    lender()
    with lender.judge(allow):
        customer = Customer(lender, "ada")
        customer.open_line()
        for draw_id, payee_ref in (("d-1", "landlord"), ("d-2", "school")):
            assert customer.draw(draw_id, payee_ref=payee_ref).status == 202
            customer.reaches(draw_id, "done")
    moved = [(entry["draw_id"], entry["payee_ref"], entry["amount"]) for entry in lender.standins.ledger()]
    assert moved == [("d-1", "landlord", "500.00"), ("d-2", "school", "500.00")]


def test_a_proof_stands_in_the_log_before_the_question_that_leans_on_it(lender: Lender) -> None:
    lender()
    with lender.judge(lambda asked: "step_up" if asked.draw_id and asked.attempt == 1 else "allow"):
        customer = Customer(lender, "bo")
        customer.open_line()
        customer.draw("d-1")
        customer.prove("d-1")
        customer.reaches("d-1", "done")
    told = [
        (e["type"], e.get("outcome"), e["attempt"])
        for e in events_of(lender.kafka, "s-bo")
        if e["step"] == "fund_transfer"
    ]
    assert told == [
        ("checkpoint", None, 1),
        ("challenge", "issued", 1),
        ("challenge", "passed", 1),
        ("checkpoint", None, 2),
    ]


def test_silence_means_what_the_policy_says_and_moves_no_money(lender: Lender) -> None:
    lender()
    with lender.judge(silent) as judge:
        customer = Customer(lender, "cy")
        customer.ask("eligibility")
        customer.reaches("eligibility", "provisional")
        judge.rule = allow
        customer.ask("eligibility")
        customer.reaches("eligibility", "open")
        judge.rule = silent
        customer.ask("agreement")
        face = customer.reaches("agreement", "proving")["awaits"]
        wait_until(lambda: customer.answer(face["challenge_id"], "face") == 200)
        otp = wait_until(
            lambda: g if (g := customer.gate("agreement"))["awaits"] and g["awaits"]["method"] == "otp" else None
        )
        judge.rule = allow
        wait_until(lambda: customer.answer(otp["awaits"]["challenge_id"], "otp") == 200)
        customer.reaches("agreement", "open")
        judge.rule = silent
        customer.ask("limit_activation")
        customer.prove("limit_activation")
        customer.reaches("limit_activation", "review")
        late = next(asked for asked in judge.asked[::-1] if asked.step == "limit_activation")
        judge.publish(verdict_on(late, "allow"))
        customer.reaches("limit_activation", "open")
        customer.draw("d-1")
        customer.reaches("d-1", "parked")
        time.sleep(0.5)
        assert lender.standins.ledger() == []
        judge.publish(verdict_on(judge.asked[-1], "allow"))
        customer.reaches("d-1", "done")
    assert len(lender.standins.ledger()) == 1


def test_a_verdict_that_comes_again_changes_nothing_also_after_a_crash(lender: Lender) -> None:
    worker = lender()
    with lender.judge(silent) as judge:
        customer = Customer(lender, "di")
        customer.ask("eligibility")
        asked = wait_until(lambda: judge.asked and judge.asked[0])
        verdict = verdict_on(asked, "allow")
        judge.publish(verdict, times=3)
        customer.reaches("eligibility", "open")
        wait_until(lambda: fates(worker).get("KNOWN") == 2)
        worker.kill()
        again = lender()
        judge.publish(verdict)
        wait_until(lambda: fates(again).get("KNOWN", 0) >= 1)
        assert "HEEDED" not in fates(again)
    told = customer.api.get("/v1/applications/di/history").body["changes"]
    assert [change["state"] for change in told] == ["asked", "open"]


def test_a_crash_while_the_bank_is_told_pays_once(lender: Lender) -> None:
    worker = lender(port_timeout_ms=2000)
    with lender.judge(allow):
        customer = Customer(lender, "ed")
        customer.open_line()
        lender.standins.script("timeout_after_success", seconds=30)
        customer.draw("d-1")
        wait_until(lender.standins.ledger)
        worker.kill()
        lender()
        customer.reaches("d-1", "done")
    assert len(lender.standins.ledger()) == 1


def test_a_payment_that_a_slow_bank_holds_up_is_closed_once_its_allow_is_void(lender: Lender) -> None:
    lender(port_timeout_ms=500)
    with lender.judge(silent) as judge:
        judge.rule = lambda asked: None if asked.draw_id else "allow"
        customer = Customer(lender, "fi")
        customer.open_line()
        for _ in range(4):
            lender.standins.script("error_500")
        customer.draw("d-1")
        asked = wait_until(lambda: next((a for a in judge.asked if a.draw_id), None))
        judge.publish(verdict_on(asked, "allow", expires_ms=int(time.time() * 1000) + 1_500))
        customer.reaches("d-1", "failed")
    assert lender.standins.ledger() == []


def test_it_drains_in_time_and_says_how_it_stands(lender: Lender) -> None:
    worker = lender()
    assert worker.problems() == {}
    worker.stop()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_waits_for_an_absent_kafka_and_refuses_a_database_of_another_release(
    lender: Lender, database_url: str
) -> None:
    absent = lender(ready=False, kafka_bootstrap_servers="127.0.0.1:1")
    wait_until(lambda: json.loads(absent.get("/livez")) if "kafka" in absent.problems() else None)
    absent.signal(signal.SIGTERM)
    absent.wait_until_ended(15)
    database = Database(database_url)
    database.run(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'"))
    database.close()
    refused = lender(ready=False)
    assert refused.wait_until_ended(30) == 78
    assert "menshen database upgrade" in refused.output()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_what_nobody_expected_ends_the_process_and_the_verdict_is_taken_by_the_next(
    lender: Lender, database_url: str
) -> None:
    worker = lender()
    database = Database(database_url)
    with lender.judge(silent) as judge:
        customer = Customer(lender, "gus")
        customer.ask("eligibility")
        asked = wait_until(lambda: judge.asked and judge.asked[0])
        database.run(lambda c: c.exec_driver_sql("ALTER TABLE inbox RENAME TO gone"))
        judge.publish(verdict_on(asked, "allow"))
        assert worker.wait_until_ended(30) == 70
        database.run(lambda c: c.exec_driver_sql("ALTER TABLE gone RENAME TO inbox"))
        lender()
        customer.reaches("eligibility", "open")
    database.close()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_two_processes_share_the_work_and_one_takes_over_the_sending(lender: Lender, postgres: Postgres) -> None:
    first = lender()
    with lender.judge(allow):
        customer = Customer(lender, "hal")
        customer.ask("eligibility")
        customer.reaches("eligibility", "open")
        first.kill()
        lender()
        customer.ask("agreement")
        customer.prove("agreement")
        customer.reaches("agreement", "open")
