"""Dead letters on a real broker: found, shown, and sent again to a real worker, which judges each event once."""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.servers.detect import Deployment
from tests.servers.kafka import Kafka

from menshen.client import EventProducer
from menshen.commands.dead_letters.dlq import dlq
from menshen.commands.dead_letters.letters import Letter
from menshen.commands.dead_letters.replay import send_chosen
from menshen.commands.dead_letters.sending import fates
from menshen.commands.records.printing import Record
from menshen.contract.topics import ASSESSMENTS, DEAD_LETTERS, EVENTS
from menshen.shell.embedded.servers import EmbeddedBroker
from menshen.shell.kafka.kafka_python import hush_kafka_python

PATIENCE_S = 30.0
Headers = Sequence[tuple[str, bytes]]


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def login(event_id: str, subject: str = "anna", **said: Any) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    event = {"type": "login", "event_id": event_id, "subject_id": subject, "session_id": "v", "product_id": "p"}
    event |= {"assurance": "authenticated", "outcome": "success", "method": "password", "seq": 0}
    return json.dumps(event | {"occurred_ms": now_ms, "received_ms": now_ms} | said).encode()


def publish(kafka: Kafka, topic: str, value: bytes, key: str = "anna", headers: Headers = (), at: int = -1) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
    producer.produce(topic, value, key, at, headers=list(headers))
    assert producer.flush(10) == 0


def bury(kafka: Kafka, value: bytes, reason: str = "UNKNOWN_VERSION", *, detail: str = "why", at: int = 0) -> None:
    """Write a dead letter as `detect` would have."""
    said = [("trace", b"\xff"), ("reason", reason.encode()), ("detail", detail.encode()), ("source", b"events/1/2")]
    publish(kafka, DEAD_LETTERS, value, headers=said, at=at)


def records(kafka: Kafka, topic: str) -> list[Any]:
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "outside", "enable.auto.commit": False}
    consumer, found = Consumer(settings), list[Any]()
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        while len(found) < sum(ends.values()):
            found += consumer.consume(500, 1.0)
    finally:
        consumer.close()
    return found


def assessed(kafka: Kafka) -> Counter[str]:
    return Counter(json.loads(record.value())["event_id"] for record in records(kafka, ASSESSMENTS))


def run(kafka: Kafka, *arguments: str, **invoking: Any) -> Result:
    return CliRunner().invoke(dlq, [*arguments, "--bootstrap-servers", kafka.bootstrap_servers], **invoking)


def replayed(kafka: Kafka, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = run(kafka, "replay", *arguments, "--json", "--yes")
    return result.exit_code, json.loads(result.stdout)


# Replay


@pytest.mark.timeout(120)
def test_an_event_that_a_newer_release_reads_is_judged_once_however_often_it_is_replayed(detect: Deployment) -> None:
    kafka, value = detect.kafka, login("poison", said_by="a newer producer")
    detect()
    bury(kafka, value)
    status, told = replayed(kafka, "0/0")
    assert (status, told["counts"]) == (0, {"sent": 1})
    until(lambda: assessed(kafka)["poison"] == 1, "the replayed event is not assessed")
    (sent,) = records(kafka, EVENTS)
    assert (sent.key(), sent.value()) == (b"anna", value)
    assert sent.headers() == [("trace", b"\xff"), ("menshen-replayed-from", b"0/0")]
    assert replayed(kafka, "--reason", "UNKNOWN_VERSION")[0] == 0
    publish(kafka, EVENTS, login("later"))
    until(lambda: assessed(kafka)["later"] == 1, "what came behind the second replay is not assessed")
    assert assessed(kafka) == {"poison": 1, "later": 1}
    assert len(records(kafka, EVENTS)) == 3


@pytest.mark.timeout(120)
def test_what_a_producer_put_on_the_wrong_partition_is_judged_when_it_is_replayed(detect: Deployment) -> None:
    kafka = detect.kafka
    detect()
    for number in range(6):
        publish(kafka, EVENTS, login(f"e{number}"), at=number)
    until(lambda: len(records(kafka, DEAD_LETTERS)) == 5, "five of six are on the wrong partition")
    status, told = replayed(kafka, "--reason", "MISROUTED", "--since", "1h")
    assert (status, told["counts"]) == (0, {"sent": 5})
    until(lambda: len(assessed(kafka)) == 6, "replayed events are missing")
    assert set(assessed(kafka).values()) == {1}
    assert len(records(kafka, DEAD_LETTERS)) == 5


@pytest.mark.timeout(120)
def test_one_that_fails_again_says_which_letter_it_was(detect: Deployment) -> None:
    kafka = detect.kafka
    detect()
    publish(kafka, EVENTS, login("e", seq=1))
    until(lambda: assessed(kafka)["e"] == 1, "the first content is not assessed")
    bury(kafka, login("e", seq=2), at=3)
    assert replayed(kafka, "3/0")[0] == 0
    until(lambda: len(records(kafka, DEAD_LETTERS)) == 2, "the second content is not refused")
    again = run(kafka, "list", "--reason", "ID_REUSE").stdout
    assert "again from 3/0" in again and "trace" not in again
    (letter,) = json.loads(run(kafka, "list", "--reason", "ID_REUSE", "--json").stdout)["letters"]
    assert (letter["replayed_from"], letter["headers"]["trace"]) == ("3/0", "\\xff")
    status, told = replayed(kafka, letter["letter"])
    assert (status, told["counts"]) == (1, {"refused": 1})
    assert len(records(kafka, EVENTS)) == 2


def test_what_would_be_refused_again_is_named_and_all_else_is_sent(fresh_topics: Kafka) -> None:
    kafka, sound = fresh_topics, login("d")
    bury(kafka, b"{", "MALFORMED")
    bury(kafka, login("a"), "OVERSIZED", detail="cut from 2000000 bytes, SHA-256 of the value 00; x")
    bury(kafka, login("b"), "ID_REUSE")
    bury(kafka, login("c"), "QUARANTINED")
    bury(kafka, sound, "INVALID")
    bury(kafka, sound, "INVALID")
    result = run(kafka, "replay", *(f"0/{offset}" for offset in range(6)), "0/6", "9/0", "0/4", "--yes")
    assert result.exit_code == 1
    named = {line.split()[1]: line for line in result.stdout.splitlines() if line.startswith("refused")}
    assert named.keys() == {"0/0", "0/1", "0/2", "0/3"}
    assert "MALFORMED" in named["0/0"] and "cut" in named["0/1"] and "new event_id" in named["0/2"]
    assert "--quarantined" in named["0/3"]
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("absent")] == ["0/6", "9/0"]
    assert result.stderr.splitlines()[-1] == "4 refused, 1 sent, 1 copy, 2 absent"
    assert [record.value() for record in records(kafka, EVENTS)] == [sound]
    assert replayed(kafka, "0/3", "--quarantined")[0] == 0
    assert len(records(kafka, EVENTS)) == 2


def test_nothing_is_sent_without_a_yes_or_in_a_dry_run(fresh_topics: Kafka) -> None:
    kafka = fresh_topics
    bury(kafka, login("a"))
    bury(kafka, b"{", "MALFORMED")
    asked = run(kafka, "replay", "0/0", input="n\n")
    assert (asked.exit_code, asked.stdout.split()[:2]) == (1, ["send", "0/0"])
    assert f"Send 1 to {EVENTS}?" in asked.stderr
    assert run(kafka, "replay", "0/0", "--dry-run").exit_code == 0
    assert run(kafka, "replay", "0/0", "0/1", "--dry-run").exit_code == 1
    assert run(kafka, "replay", "0/0", "0/2", "--dry-run").exit_code == 1, "there is no 0/2"
    assert records(kafka, EVENTS) == []
    assert run(kafka, "replay", "0/0", input="y\n").exit_code == 0
    assert len(records(kafka, EVENTS)) == 1


def test_more_letters_than_may_be_under_way_are_all_sent_in_their_order(fresh_topics: Kafka) -> None:
    kafka, n_letters = fresh_topics, 2_500
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 50})
    for number in range(n_letters):
        producer.produce(DEAD_LETTERS, login(f"e{number}"), "anna", 2, headers=[("reason", b"INVALID")])
    assert producer.flush(10) == 0
    status, told = replayed(kafka, "--reason", "INVALID")
    assert (status, told["counts"]) == (0, {"sent": n_letters})
    sent = [json.loads(record.value())["event_id"] for record in records(kafka, EVENTS)]
    assert sent == [f"e{number}" for number in range(n_letters)]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_when_kafka_goes_away_it_is_told_which_letters_may_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    hush_kafka_python()
    briefly: dict[str, Any] = {"request_timeout_ms": 500, "delivery_timeout_ms": 1_000}
    letters = [Letter(Record(0, n, 0, b"anna", login(f"e{n}"))) for n in range(2)]
    found = list(fates(letters, 1, quarantined=False))
    with EmbeddedBroker({EVENTS: 1}) as broker:
        producers = [EventProducer(broker.bootstrap_servers, **briefly) for _ in range(2)]
        assert [fate.status for fate in send_chosen(letters, found[:1], producers[0])] == ["sent"]
    assert [fate.status for fate in send_chosen(letters, found, producers[1])] == ["unsure", "unsure"]
    assert "Replay the same again when Kafka answers" in capsys.readouterr().err
    del producers
    gc.collect()


# List and show


def test_the_list_is_by_time_with_the_newest_last_and_counted_by_reason(fresh_topics: Kafka) -> None:
    kafka = fresh_topics
    for number, reason in enumerate(("MALFORMED", "INVALID", "MALFORMED", "MALFORMED")):
        bury(kafka, b"{%d" % number, reason, at=(5 * number) % 4)
        time.sleep(0.01)
    result = run(kafka, "list")
    assert result.exit_code == 0
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["0/0", "1/0", "2/0", "3/0"]
    assert result.stderr == "4 dead letters: MALFORMED 3, INVALID 1\n"
    newest = run(kafka, "list", "--limit", "2", "--reason", "MALFORMED")
    assert [line.split()[2] for line in newest.stdout.splitlines()] == ["2/0", "3/0"]
    assert newest.stderr == "3 dead letters: MALFORMED 3; the newest 2 are shown\n"
    told = json.loads(run(kafka, "list", "--json", "--limit", "1").stdout)
    assert (told["n_letters"], told["by_reason"]) == (4, {"MALFORMED": 3, "INVALID": 1})
    assert [letter["letter"] for letter in told["letters"]] == ["3/0"]


def test_since_leaves_out_what_is_older(fresh_topics: Kafka) -> None:
    kafka = fresh_topics
    bury(kafka, b"old")
    bury(kafka, b"old", at=1)
    time.sleep(3.0)
    bury(kafka, b"new")
    letters = json.loads(run(kafka, "list", "--since", "2s", "--json").stdout)["letters"]
    assert [letter["value"] for letter in letters] == ["new"]
    assert json.loads(run(kafka, "list", "--since", "1h", "--json").stdout)["n_letters"] == 3


def test_no_dead_letters_are_no_error(fresh_topics: Kafka) -> None:
    result = run(fresh_topics, "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 dead letters\n")
    assert replayed(fresh_topics, "--reason", "INVALID") == (0, {"letters": [], "absent": [], "counts": {}})


def test_show_tells_all_and_what_this_release_makes_of_it(fresh_topics: Kafka) -> None:
    kafka = fresh_topics
    bury(kafka, login("a"))
    bury(kafka, b"\xff")
    lines = run(kafka, "show", "0/0").stdout.splitlines()
    assert "now       would be read: login a of anna" in lines and "replay    yes" in lines
    told = json.loads(run(kafka, "show", "0/1", "--json").stdout)
    assert (told["value_base64"], told["now"]["refusal"]) == ("/w==", "MALFORMED")
    assert told["now"]["not_replayed"].startswith("refused again, MALFORMED")
    for absent in ("0/2", "99/0"):
        result = run(kafka, "show", absent)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"there is no dead letter at {absent}" in result.stderr
