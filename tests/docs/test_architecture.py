"""The walk that ARCHITECTURE.md tells is the walk of a real event, through a real worker, broker and Valkey."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest
from tests.docs.pages import ROOT, prose, section
from tests.docs.tracing import OURS, PAGE, Trace, told, traced

from menshen.client import EventProducer
from menshen.contract import topics
from menshen.contract.events import Checkpoint
from menshen.detect.control import Control
from menshen.detect.rules import Rulebook, load_rules
from menshen.detect.service import Detect
from menshen.shell.embedded.servers import EmbeddedBroker, EmbeddedValkey
from menshen.shell.geo import GeoBase
from menshen.shell.settings import DetectSettings, read_settings
from menshen.shell.signing import new_key_pair

WALK, TAKEOVER = "## The walk of one event", "## Where a new owner begins"
BEGINS = ("detect/arrivals.py", "decode")


@pytest.fixture(scope="module")
def traces() -> tuple[Trace, Trace]:
    """What a worker calls on its way to its first claim, and then for one checkpoint."""
    with EmbeddedBroker(dict.fromkeys(topics.ALL, 1)) as broker, EmbeddedValkey() as valkey:
        given = {
            "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "MENSHEN_REDIS_URL": valkey.url,
            "MENSHEN_PEPPER": "of this test and no other",
            "MENSHEN_SIGNING_KEY": new_key_pair()[0],
        }
        return asyncio.run(judge_one(read_settings(DetectSettings, given)))


async def judge_one(settings: DetectSettings) -> tuple[Trace, Trace]:
    geo = GeoBase(None)
    rulebook = Rulebook(load_rules(settings, geo.version))
    detect = Detect(settings, rulebook, Control(rulebook), geo)
    await detect.connect()
    first, then = Trace(), Trace(BEGINS)
    with traced(first):
        working = asyncio.create_task(detect.worker.run())
        await until(lambda: ("detect/worker.py", "Worker._work") in first.calls)
    with traced(then):
        await asyncio.to_thread(send_one, settings.kafka_bootstrap_servers)
        await until(lambda: ("aiokafka", "AIOKafkaConsumer.commit") in then.calls)
    detect.worker.stop()
    await working
    await detect.close()
    return first, then


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110  # what is waited for are calls, and they tell nobody
            await asyncio.sleep(0.02)


def send_one(kafka: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    asked = Checkpoint(
        event_id="e-1",
        subject_id="s-1",
        session_id="v-1",
        seq=1,
        occurred_ms=now_ms,
        received_ms=now_ms,
        assurance="authenticated",
        product_id="cash-loan",
        application_id="app-1",
        device_id="d-1",
        step="eligibility",
        attempt=1,
    )
    with EventProducer(kafka) as producer:
        producer.send(asked).wait(30)


def test_the_walk_stands_in_the_order_in_which_the_code_runs(traces: tuple[Trace, Trace]) -> None:
    _, event = traces
    walk = told(WALK)
    assert len(walk) > 20
    assert [call for call in event.calls if call in walk] == walk


def test_a_new_owner_begins_in_the_order_that_the_page_tells(traces: tuple[Trace, Trace]) -> None:
    first, _ = traces
    walk = told(TAKEOVER)
    assert len(walk) > 5
    assert [call for call in first.calls if call in walk] == walk


def test_the_walk_leaves_out_no_file_that_runs(traces: tuple[Trace, Trace]) -> None:
    """A file that an event meets and that the page does not name would be found by nobody who reads it."""
    _, event = traces
    named = re.findall(r"`([\w/]+(?:\.\w+|/))`", section(PAGE, WALK))
    ran = {file for file, _ in event.calls} - {"aiokafka"}
    assert [file for file in sorted(ran) if not file.startswith(tuple(named))] == []


def test_the_folders_of_the_map_are_the_folders_that_there_are() -> None:
    mapped = set(re.findall(r"^\| `services/menshen/([\w/]+)/`", section(PAGE, "## The folders"), re.MULTILINE))
    below = {path.parent.relative_to(OURS).as_posix() for path in OURS.rglob("*.py")} - {"."}
    covered = {
        "fraud/detectors/device",
        "fraud/detectors/place",
        "fraud/detectors/behaviour",
        "fraud/detectors/conduct",
        "onboard/sql/migrations/versions",
    }
    assert mapped == below - covered


def test_every_file_that_the_page_names_exists() -> None:
    names = re.findall(r"`([\w./]+\.(?:py|lua|toml|md))`", prose(PAGE))
    folders = (ROOT, OURS, OURS / "shell/redis/lua")
    assert [name for name in names if not any((folder / name).exists() for folder in folders)] == []
