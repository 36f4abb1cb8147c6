"""Real `menshen onboard` processes for the tests, and one who answers their questions as detect would."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import msgspec
from confluent_kafka import Consumer, Producer
from tests.servers.detect import Worker
from tests.servers.kafka import Kafka
from tests.servers.standins import Standins

from menshen.contract.events import Checkpoint
from menshen.contract.topics import EVENTS, VERDICTS
from menshen.contract.verdict import Decision, Verdict
from menshen.onboard.api.keys import issue
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.database import Database
from menshen.shell.embedded.servers import HOST, free_port
from menshen.shell.signing import Signer, new_key_pair

PATIENCE_S = 30.0


class Reply(NamedTuple):
    """What the API answered."""

    status: int
    body: Any


class Api:
    """Calls the API with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def get(self, path: str) -> Reply:
        """Read."""
        return self._call(urllib.request.Request(self._url + path, headers=self._headers()))

    def post(self, path: str, body: object = None, **headers: str) -> Reply:
        """Do; each call is a deed of its own unless a key is given."""
        value = json.dumps(body if body is not None else {}).encode()
        given = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4()), **headers}
        return self._call(urllib.request.Request(self._url + path, value, self._headers() | given))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"}

    def _call(self, request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return Reply(answer.status, json.loads(answer.read()))
        except urllib.error.HTTPError as refused:
            with refused:
                return Reply(refused.code, json.loads(refused.read()))


Rule = Callable[[Checkpoint], Decision | None]


class Judge:
    """Reads the questions and answers each by a rule, signed; None is silence. Runs until the context ends."""

    def __init__(self, kafka: Kafka, signer: Signer, rule: Rule) -> None:
        self._kafka, self._signer, self.rule = kafka, signer, rule
        self.asked = list[Checkpoint]()
        self._stop = threading.Event()
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
        self._thread = threading.Thread(target=self._judge)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def publish(self, verdict: Verdict, *, times: int = 1) -> None:
        """Sign a verdict and write it to the topic."""
        value = msgspec.json.encode(verdict)
        for _ in range(times):
            self._producer.produce(VERDICTS, value, verdict.subject_id.encode(), headers=self._signer.headers(value))
        assert self._producer.flush(10) == 0

    def _judge(self) -> None:
        for asked in self._questions():
            self.asked.append(asked)
            decision = self.rule(asked)
            if decision is not None:
                self.publish(verdict_on(asked, decision))

    def _questions(self) -> Iterator[Checkpoint]:
        settings = {"bootstrap.servers": self._kafka.bootstrap_servers, "group.id": str(uuid4())}
        consumer = Consumer({**settings, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5})
        consumer.subscribe([EVENTS])
        with contextlib.closing(consumer):
            while not self._stop.is_set():
                record = consumer.poll(0.1)
                if record is None or record.error():
                    continue
                event = json.loads(record.value())
                if event["type"] == "checkpoint":
                    yield msgspec.convert(event, Checkpoint)


def verdict_on(asked: Checkpoint, decision: Decision, **changes: object) -> Verdict:
    """Return the verdict that detect would give, bound to the question, but for the changes."""
    now_ms = clock_ms()
    fields: dict[str, Any] = {
        "verdict_id": str(uuid4()),
        "kind": "gate",
        "event_id": asked.event_id,
        "subject_id": asked.subject_id,
        "session_id": asked.session_id,
        "decision": decision,
        "score": 0,
        "decided_ms": now_ms,
        "expires_ms": now_ms + 60_000,
        "application_id": asked.application_id,
        "step": asked.step,
        "attempt": asked.attempt,
        "draw_id": asked.draw_id,
        "payee_ref": asked.payee_ref,
        "device_id": asked.device_id,
        "amount_max": asked.amount,
        "currency": asked.currency,
        "challenge": "face" if decision == "step_up" else None,
    }
    return Verdict(**{**fields, **changes})


class Lender:
    """Processes of one tenant on one broker, one database and one set of stand-ins. Call it for one (more) process."""

    def __init__(self, kafka: Kafka, database_url: str, standins: Standins, tenant: str, folder: Path) -> None:
        private, public = new_key_pair()
        self.signer, self.standins, self.kafka = Signer(private), standins, kafka
        (folder / "onboard.pub").write_text(public)
        database = Database(database_url)
        database.upgrade()
        self._keys = database.run(
            lambda c: {r: issue(c, r, f"{r}-1", now_ms=clock_ms()) for r in ("service", "analyst", "approver")}
        )
        database.close()
        self.settings = {
            "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "MENSHEN_DATABASE_URL": database_url,
            "MENSHEN_VERIFY_KEYS_FILE": str(folder / "onboard.pub"),
            "MENSHEN_TENANT": tenant,
            "MENSHEN_GROUP_ID": f"{tenant}-onboard",
            "MENSHEN_OTP_URL": standins.otp_url,
            "MENSHEN_FACE_URL": standins.face_url,
            "MENSHEN_BANK_URL": standins.bank_url,
            "MENSHEN_HTTP_HOST": HOST,
            "MENSHEN_HTTP_PORT": str(free_port()),
        }
        if version := kafka.options.get("api_version"):
            assert isinstance(version, tuple)
            self.settings["MENSHEN_KAFKA_API_VERSION"] = ".".join(map(str, version))
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def __call__(self, *, ready: bool = True, **settings: object) -> Worker:
        """Start a process, and wait until it is ready unless told not to."""
        own = {f"MENSHEN_{name.upper()}": str(value) for name, value in settings.items()}
        worker = Worker(self.settings | own, "onboard")
        self._running.enter_context(worker)
        if ready:
            worker.wait_until_ready()
        return worker

    def judge(self, rule: Rule) -> Judge:
        """Return one who answers the questions by a rule, until its context ends."""
        return Judge(self.kafka, self.signer, rule)

    def api(self, role: str = "service") -> Api:
        """Return the API of the newest process as somebody of a role sees it."""
        return Api(f"http://{HOST}:{self.settings['MENSHEN_HTTP_PORT']}", self._keys[role])


def wait_until(seen: Callable[[], Any], *, timeout_s: float = PATIENCE_S) -> Any:
    """Return what `seen` returns once it is true; fail if that does not come."""
    deadline = time.monotonic() + timeout_s
    while not (found := seen()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found
