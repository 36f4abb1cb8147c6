"""How long a verdict waits at the gate while assessments flow: real Kafka, real `menshen onboard`, seen from outside.

    python -m tests.bench.gate_lag [--seconds 120] [--assessments 10000] [--checkpoints 10] [--database URL] [--json]

Stands in for detect: writes assessments and login verdicts at a steady rate, and answers each checkpoint that onboard
publishes. The lag of a verdict is the time from its append to the moment of the change that it brought about, as the
onboarding record names it. A deadline that ran out is an onboarding record too. Status 1 if any lag reached a second,
or any deadline ran out although its verdict was in the log in time.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from tests.servers.kafka import from_jars
from tests.servers.standins import Standins
from tests.servers.topics import create_topics

from menshen.contract.topics import ASSESSMENTS, EVENTS, ONBOARDING, VERDICTS
from menshen.local.process import Process
from menshen.onboard.api.keys import issue
from menshen.onboard.desk import clock_ms
from menshen.onboard.sql.database import Database
from menshen.shell.signing import Signer, new_key_pair

LIMIT_MS = 1_000
LOGIN_SHARE = 0.08
ASSESSMENT = json.dumps(
    {
        "assessment_id": "00000000-0000-0000-0000-000000000000",
        "event_id": "e-0000000000",
        "event_type": "keystroke",
        "subject_id": "s-0000000000",
        "session_id": "v-0000000000",
        "offset": 0,
        "appended_ms": 0,
        "score": 120,
        "reasons": [{"code": "TYPING_MISMATCH", "points": 120, "evidence": {"distance": 1.25, "visits": 12.0}}],
        "versions": {"policy": "default-1", "model": "bench", "geo": ""},
    }
).encode()
CLIENT = {
    "partitioner": "murmur2_random",
    "linger.ms": 25,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
}


class Figures:
    """What was counted: sent records, verdicts by id with the time of their append, and what the gate made of them."""

    def __init__(self) -> None:
        self.n_assessments = self.n_logins = self.n_asked = 0
        self.appended_ms = dict[str, int]()
        self.answered_at_ms = dict[str, int]()
        self.application_of = dict[str, str]()
        self.timed_out_at_ms = dict[str, int]()


def flow(bootstrap: str, figures: Figures, per_s: float, stop: threading.Event) -> None:
    """Write assessments, and verdicts of logins among them, at a steady rate."""
    producer = Producer({"bootstrap.servers": bootstrap, **CLIENT})
    started_s, n = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - started_s) * per_s)
        for _ in range(due - n):
            n += 1
            subject = b"s-%010d" % (n % 100_000)
            producer.produce(ASSESSMENTS, ASSESSMENT, subject)
            if n % round(1 / LOGIN_SHARE) == 0:
                producer.produce(VERDICTS, _login(subject.decode()), subject)
                figures.n_logins += 1
        figures.n_assessments = n
        producer.poll(0)
        time.sleep(0.005)
    producer.flush(10)


def _login(subject_id: str) -> bytes:
    now_ms = clock_ms()
    verdict = {"verdict_id": str(uuid4()), "kind": "login", "event_id": str(uuid4()), "subject_id": subject_id}
    judged = {"session_id": "v", "decision": "allow", "score": 0, "decided_ms": now_ms, "expires_ms": now_ms + 300_000}
    return json.dumps(verdict | judged).encode()


def answer(bootstrap: str, figures: Figures, signer: Signer, stop: threading.Event) -> None:
    """Answer each checkpoint with a signed allow, as detect would."""
    producer = Producer({"bootstrap.servers": bootstrap, **CLIENT, "linger.ms": 0})
    for record in _records(bootstrap, EVENTS, stop):
        event = json.loads(record.value())
        if event["type"] != "checkpoint":
            continue
        figures.n_asked += 1
        value = json.dumps(_allow(event)).encode()
        verdict_id = json.loads(value)["verdict_id"]
        figures.application_of[verdict_id] = event["application_id"]

        def appended(error: Any, message: Any, verdict_id: str = verdict_id) -> None:
            if error is None:
                figures.appended_ms[verdict_id] = message.timestamp()[1]

        headers = signer.headers(value)
        producer.produce(VERDICTS, value, event["subject_id"].encode(), headers=headers, on_delivery=appended)
        producer.poll(0)
    producer.flush(10)


def _allow(event: dict[str, Any]) -> dict[str, Any]:
    bound = ("event_id", "subject_id", "session_id", "application_id", "step", "attempt", "device_id")
    verdict = {name: event[name] for name in bound}
    now_ms = clock_ms()
    judged = {"decision": "allow", "score": 0, "decided_ms": now_ms, "expires_ms": now_ms + 300_000}
    return {"verdict_id": str(uuid4()), "kind": "gate", **verdict, **judged}


def watch(bootstrap: str, figures: Figures, stop: threading.Event) -> None:
    """Read what the gate says of itself."""
    for record in _records(bootstrap, ONBOARDING, stop):
        said = json.loads(record.value())
        if said["fact"] == "Answered":
            figures.answered_at_ms[said["verdict_id"]] = said["at_ms"]
        elif said["fact"] == "TimeUp":
            figures.timed_out_at_ms[said["application_id"]] = said["at_ms"]


def _records(bootstrap: str, topic: str, stop: threading.Event) -> Iterator[Any]:
    # Assigned rather than subscribed: a group takes seconds to form, and the first question would wait as long.
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid4()), "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    with contextlib.closing(consumer):
        while not stop.is_set():
            record = consumer.poll(0.1)
            if record is not None and record.error() is None:
                yield record


def customers(url: str, key: str, per_s: float, seconds: float) -> int:
    """Open applications and ask about their first step, at a steady rate; return how many."""
    started_s, calls = time.monotonic(), list[Future[None]]()
    with ThreadPoolExecutor(8) as people:
        while (elapsed_s := time.monotonic() - started_s) < seconds:
            while len(calls) < elapsed_s * per_s:
                calls.append(people.submit(_apply, url, key, len(calls)))
            time.sleep(0.01)
    for call in calls:
        call.result()
    return len(calls)


def _apply(url: str, key: str, n: int) -> None:
    name = f"bench-{n}"
    _post(url, key, "/v1/applications", {"application_id": name, "subject_id": f"s-{name}", "product_id": "cash-loan"})
    visit = {"session_id": "v-1", "device_id": f"d-{name}", "assurance": "authenticated"}
    _post(url, key, f"/v1/applications/{name}/steps/eligibility", visit)


def _post(url: str, key: str, path: str, body: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        reply.read()


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run everything once and return the figures."""
    private, public = new_key_pair()
    figures, stop = Figures(), threading.Event()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as running:
        folder = Path(scratch)
        (folder / "signing.pub").write_text(public)
        url = arguments.database or f"sqlite:///{folder / 'menshen.db'}"
        database = Database(url)
        database.upgrade()
        key = database.run(lambda c: issue(c, "service", f"bench-{uuid4()}", now_ms=clock_ms()))
        database.close()
        kafka = running.enter_context(from_jars())
        create_topics(kafka)
        outside = running.enter_context(Standins())
        settings = {
            "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "MENSHEN_DATABASE_URL": url,
            "MENSHEN_VERIFY_KEYS_FILE": str(folder / "signing.pub"),
            "MENSHEN_OTP_URL": outside.otp_url,
            "MENSHEN_FACE_URL": outside.face_url,
            "MENSHEN_BANK_URL": outside.bank_url,
            "MENSHEN_LOG_LEVEL": "warning",
        }
        onboard = running.enter_context(Process("onboard", settings))
        onboard.wait_until_ready()
        threads = [
            threading.Thread(target=flow, args=(kafka.bootstrap_servers, figures, arguments.assessments, stop)),
            threading.Thread(target=answer, args=(kafka.bootstrap_servers, figures, Signer(private), stop)),
            threading.Thread(target=watch, args=(kafka.bootstrap_servers, figures, stop)),
        ]
        for thread in threads:
            thread.start()
        print("flowing ...", file=sys.stderr, flush=True)
        try:
            n_customers = customers(onboard.url, key, arguments.checkpoints, arguments.seconds)
            time.sleep(3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    return _said(figures, n_customers, arguments.seconds)


def _said(figures: Figures, n_customers: int, seconds: float) -> dict[str, Any]:
    lags = sorted(at - figures.appended_ms[i] for i, at in figures.answered_at_ms.items() if i in figures.appended_ms)
    return {
        "seconds": seconds,
        "assessments_per_s": round(figures.n_assessments / seconds),
        "login_verdicts": figures.n_logins,
        "applications": n_customers,
        "checkpoints": figures.n_asked,
        "verdicts_heeded": len(lags),
        "deadlines_run_out": len(figures.timed_out_at_ms),
        "run_out_though_answered": sum(
            at < figures.timed_out_at_ms.get(figures.application_of[i], 0) for i, at in figures.appended_ms.items()
        ),
        "lag_ms": {f"p{q:g}": lags[min(len(lags) - 1, int(len(lags) * q / 100))] for q in (50, 99, 99.9)}
        | {"max": lags[-1]}
        if lags
        else {},
        "cpus": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--assessments", type=float, default=10_000, help="a second")
    parser.add_argument("--checkpoints", type=float, default=10, help="a second")
    parser.add_argument("--database", help="URL; a fresh SQLite file unless given")
    parser.add_argument("--json", action="store_true")
    said = measure(parser.parse_args())
    held = said["lag_ms"].get("max", LIMIT_MS) < LIMIT_MS and not said["run_out_though_answered"]
    if parser.parse_args().json:
        print(json.dumps(said | {"held": held}))
    else:
        for name, value in (said | {"held": held}).items():
            print(f"{name:20} {value}")
    sys.exit(0 if held and said["verdicts_heeded"] == said["checkpoints"] else 1)


if __name__ == "__main__":
    main()
