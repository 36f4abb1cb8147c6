"""Every record that goes in comes out: judged exactly once, or a dead letter byte for byte. Counted from outside."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests.outside.counter import count
from tests.outside.generator import bare_producer, ends, generate
from tests.outside.manifest import ASSESSMENTS, EVENTS, Manifest
from tests.outside.plan import DEFECTS, REPEATS
from tests.servers.detect import Deployment

PATIENCE_S = 60.0
RATE = 300.0


@contextmanager
def coming_in(bootstrap: str, n_records: int, seed: int) -> Iterator[Future[Manifest]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(generate, bootstrap, n_records=n_records, seed=seed, rate=RATE)


def wait_for_assessments(bootstrap: str, n_assessments: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum(ends(bootstrap, ASSESSMENTS)) < n_assessments:
        assert time.monotonic() < deadline, f"not even {n_assessments} assessments came"
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_twenty_thousand_records_are_accounted_for(detect: Deployment) -> None:
    worker = detect()
    started_s = time.monotonic()
    manifest = generate(detect.kafka.bootstrap_servers, n_records=20_000, seed=1)
    sent_s = time.monotonic()
    report = count(detect.kafka.bootstrap_servers, manifest, public_key=detect.keys_file, patience_s=PATIENCE_S)
    print(f"{report}\nsent in {sent_s - started_s:.1f} s, counted {time.monotonic() - sent_s:.1f} s later")
    assert report.discrepancies == []
    assert len(manifest.sent) == 20_000
    n_of_kind = Counter(one.kind for one in manifest.sent)
    assert min(n_of_kind[kind] for kind in (*DEFECTS, *REPEATS)) >= 20
    worker.stop()


@pytest.mark.timeout(240)
def test_workers_that_are_killed_lose_nothing_and_repeat_only_identical_records(detect: Deployment) -> None:
    at = detect.kafka.bootstrap_servers
    # They save seldom, so that much is published which no snapshot includes.
    doomed = [detect(save_interval_ms=3000) for _ in range(2)]
    with coming_in(at, 3_000, seed=2) as generated:
        for worker, n_assessments in zip(doomed, (500, 900), strict=True):
            wait_for_assessments(at, n_assessments)
            assert not generated.done()
            worker.kill()
            detect(ready=False)
        manifest = generated.result()
    report = count(at, manifest, public_key=detect.keys_file, patience_s=PATIENCE_S, repeats_allowed=True)
    print(report)
    assert report.discrepancies == []
    assert len(manifest.sent) == 3_000


@pytest.mark.timeout(240)
def test_a_worker_that_drains_and_one_that_goes_on_repeat_nothing(detect: Deployment) -> None:
    at = detect.kafka.bootstrap_servers
    worker = detect()
    with coming_in(at, 3_000, seed=3) as generated:
        wait_for_assessments(at, 500)
        assert not generated.done()
        worker.stop()
        worker = detect(ready=False)
        wait_for_assessments(at, 1_000)
        worker.stop()
        worker = detect(ready=False)
        manifest = generated.result()
    report = count(at, manifest, public_key=detect.keys_file, patience_s=PATIENCE_S)
    print(report)
    assert report.discrepancies == []
    worker.stop()


def test_a_producer_may_use_any_codec(detect: Deployment) -> None:
    detect()
    for seed, codec in enumerate(("gzip", "lz4", "snappy", "zstd"), start=4):
        manifest = generate(detect.kafka.bootstrap_servers, n_records=200, seed=seed, compression=codec)
        assert count(detect.kafka.bootstrap_servers, manifest).discrepancies == []


@pytest.mark.parametrize("where", ["value", "key", "header"])
def test_a_record_that_is_small_only_while_it_is_compressed_holds_up_nothing(detect: Deployment, where: str) -> None:
    detect()
    at = detect.kafka.bootstrap_servers
    producer, giant = bare_producer(at, "gzip", max_bytes=10_000_000), b"x" * 3_000_000
    value, key = giant if where == "value" else b"", giant if where == "key" else b"s-1"
    for partition in range(len(ends(at, EVENTS))):
        headers = [("padding", giant if where == "header" else b"")]
        producer.produce(EVENTS, value, key, partition, headers=headers)
        producer.flush()
    manifest = generate(at, n_records=200, seed=8)
    # Where the broker took them, their dead letters are of no record in the manifest.
    found = {discrepancy.what for discrepancy in count(at, manifest).discrepancies}
    assert found <= {"DEAD LETTER OF NOTHING"}
