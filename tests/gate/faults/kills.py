"""Real `menshen onboard` processes that die at each point in turn while customers draw, and a bank that stutters.

    python -m tests.gate.faults.kills [--each 3] [--json]

Status 0: each process died where it was to die, by its exit status, and every invariant held at the end.
"""

import argparse
import contextlib
import http.client
import json
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from tests.gate.faults.crashing import STATUS
from tests.gate.faults.evidence import Evidence, Outside, gathered
from tests.gate.faults.oracle import OF_REAL_PROCESSES, nothing_hangs, violations
from tests.gate.faults.stage.bank import Bank, Movement
from tests.gate.faults.stage.broker import Broker, Logged
from tests.servers.customers import Customer
from tests.servers.detect import Worker
from tests.servers.kafka import Kafka
from tests.servers.kafka import kafka as run_kafka
from tests.servers.onboard import Api, Judge, Lender, Reply
from tests.servers.standins import Standins
from tests.servers.topics import fresh_topics

from menshen.contract.topics import EVENTS, ONBOARDING
from menshen.contract.verdict import Verdict
from menshen.onboard.desk import clock_ms
from menshen.onboard.ports import Order
from menshen.onboard.sql.database import Database

POINTS = (
    "within take",
    "after take",
    "after begin",
    "after transfer",
    "within settle",
    "after settle",
    "after events",
    "after onboarding",
)
CUSTOMERS = ("ada", "bo")
DOWN_S, REST_S = 60.0, 20.0
FAULTS = ("timeout_after_success", "error_500_after_success", "error_500")
SHIPPED = Path(__file__).parents[3] / "deploy" / "policy" / "loan.toml"
SETTLED = ("done", "failed", "refused")


class PatientApi(Api):
    """Asks again, under the same key, where nobody answers."""

    def _call(self, request: urllib.request.Request) -> Reply:
        until_s = time.monotonic() + DOWN_S
        while True:
            try:
                return super()._call(request)
            except (urllib.error.URLError, http.client.HTTPException, OSError):
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.1)


class MortalLender(Lender):
    """A lender whose processes have a trap in them, whose customers are patient, and may draw as often as they like."""

    def __init__(self, kafka: Kafka, database_url: str, standins: Standins, tenant: str, folder: Path) -> None:
        super().__init__(kafka, database_url, standins, tenant, folder)
        policy = folder / "loan.toml"
        policy.write_text(SHIPPED.read_text().replace("draws_a_day = 10", "draws_a_day = 1000"))
        self.settings["MENSHEN_LOAN_POLICY_FILE"] = str(policy)

    def api(self, role: str = "service") -> Api:
        """Return the API, whichever process serves it."""
        patient = super().api(role)
        return PatientApi(patient._url, patient._key)

    def doomed(self, point: str, n_passes: int, **settings: str) -> Worker:
        """Return a process that dies at the n-th pass of a point."""
        own = {f"MENSHEN_{name.upper()}": value for name, value in settings.items()}
        trap = ("tests.gate.faults.crashing", "--die", f"{point}:{n_passes}")
        return Worker(self.settings | own, "onboard", module=trap)


class Clerk(Judge):
    """Allows everything, says it twice, and remembers what it said."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.said = dict[str, Verdict]()

    def publish(self, verdict: Verdict, *, times: int = 2) -> None:
        """Sign a verdict and write it to the topic."""
        self.said[verdict.verdict_id] = verdict
        super().publish(verdict, times=times)


class Drawing(threading.Thread):
    """One customer who draws and draws, each time once the draw before is settled."""

    def __init__(self, lender: Lender, name: str) -> None:
        super().__init__(name=name)
        self._lender, self._enough = lender, threading.Event()
        self.n_draws, self.failure = 0, ""

    def run(self) -> None:
        """Draw until there is enough of it."""
        try:
            customer = Customer(self._lender, self.name)
            customer.open_line()
            while not self._enough.is_set():
                self.n_draws += 1
                self._draw(customer, f"w{self.n_draws}")
        except BaseException as error:
            self.failure = repr(error)
            raise

    def _draw(self, customer: Customer, draw_id: str) -> None:
        if self.n_draws % 4 == 0:
            self._lender.standins.script(FAULTS[self.n_draws // 4 % len(FAULTS)])
        customer.draw(draw_id, "5.00", f"p-{draw_id}")
        until_s = time.monotonic() + 2 * DOWN_S
        while customer.gate(draw_id)["state"] not in SETTLED:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{self.name} {draw_id} is {customer.gate(draw_id)['state']}")
            time.sleep(0.05)

    def enough(self) -> None:
        """Finish the draw in hand."""
        self._enough.set()
        self.join()


class Deaths(NamedTuple):
    """The exit status of each process by the point at which it was to die, in order, and what is left of it all."""

    ends: list[tuple[str, int]]
    seen: Evidence
    failures: list[str]


def killed(lender: MortalLender, each: int) -> Deaths:
    """Let processes die, one after the other, so many at each point; then let one live until all is at rest.

    Each is a group of its own and reads the verdicts from the beginning: all that was delivered is delivered again.
    """
    ends, group = list[tuple[str, int]](), lender.settings["MENSHEN_GROUP_ID"]
    with Clerk(lender.kafka, lender.signer, lambda _: "allow") as clerk:
        drawing = [Drawing(lender, name) for name in CUSTOMERS]
        for customer in drawing:
            customer.start()
        for number, point in enumerate(POINTS * each):
            with lender.doomed(point, 2 + number % 3, group_id=f"{group}-{number}") as process:
                ends.append((point, process.wait_until_ended(DOWN_S)))
        lender()
        for customer in drawing:
            customer.enough()
        seen = _at_rest(lender, clerk)
    return Deaths(ends, seen, [customer.failure for customer in drawing if customer.failure])


def _at_rest(lender: Lender, clerk: Clerk) -> Evidence:
    """Return what there is to see once nothing hangs, or once it has had time enough to end."""
    until_s = time.monotonic() + REST_S
    while list(nothing_hangs(seen := _seen(lender, clerk))) and time.monotonic() < until_s:
        time.sleep(0.5)
    return seen


def _seen(lender: Lender, clerk: Clerk) -> Evidence:
    broker, bank = Broker(), Bank()
    for topic in (EVENTS, ONBOARDING):
        broker.logs[topic] = list(_log(lender.kafka, topic))
    for entry in lender.standins.ledger():
        bank.movements.append(Movement(Order(**entry | {"amount": Decimal(entry["amount"])}), 0, 0))
    with contextlib.closing(Database(lender.settings["MENSHEN_DATABASE_URL"])) as database:
        return gathered(database, lender.settings["MENSHEN_TENANT"], Outside(broker, bank, clerk.said), clock_ms())


def _log(kafka: Kafka, topic: str) -> Iterator[Logged]:
    """Return a topic's records, partition by partition."""
    with contextlib.closing(Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "kills"})) as consumer:
        for partition in consumer.list_topics(topic, 10).topics[topic].partitions:
            where = TopicPartition(topic, partition, 0)
            _, end = consumer.get_watermark_offsets(where, 10)
            consumer.assign([where])
            for _ in range(end):
                record = consumer.poll(10)
                assert record is not None and record.error() is None
                yield Logged(partition, record.key(), record.value())


def main() -> int:
    """Kill, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate.faults.kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=3, help="how many die at each point")
    parser.add_argument("--json", action="store_true", help="the figures as one line of JSON")
    asked = parser.parse_args()
    began_s = time.monotonic()
    with contextlib.ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="menshen-")))
        broker = open_.enter_context(fresh_topics(open_.enter_context(run_kafka())))
        url, standins = f"sqlite:///{folder / 'menshen.db'}", Standins()
        with contextlib.redirect_stdout(sys.stderr), standins, MortalLender(broker, url, standins, "t", folder) as one:
            deaths = killed(one, asked.each)
    as_planned = [(point, status) for point, status in deaths.ends if status == STATUS[point]]
    wrong = violations(deaths.seen, OF_REAL_PROCESSES)
    figures = {
        "kafka": broker.kind,
        "kills": len(as_planned),
        "by_point": Counter(point for point, _ in as_planned),
        "transfers": len(deaths.seen.outside.bank.movements),
        "records": {topic: len(log) for topic, log in deaths.seen.outside.broker.logs.items()},
        "wrong": wrong,
        "failures": deaths.failures,
        "seconds": round(time.monotonic() - began_s, 1),
    }
    print(json.dumps(figures) if asked.json else figures)
    return 1 if wrong or deaths.failures or len(as_planned) < len(deaths.ends) else 0


if __name__ == "__main__":
    sys.exit(main())
