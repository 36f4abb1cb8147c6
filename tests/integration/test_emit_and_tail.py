"""`menshen emit` and `menshen tail` on a real broker: no good line is lost, and what is shown says what it is worth."""

import json
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.integration.records import ENVELOPE, N_PARTITIONS, PUBLIC, login, publish, signed, stored, verdict
from tests.servers.kafka import Kafka

from menshen.commands.records.emit import emit
from menshen.commands.records.tail import tail
from menshen.contract.decoding import encode_event
from menshen.contract.events import Keystroke


@pytest.fixture
def topic(kafka: Kafka, tenant: str) -> str:
    kafka.create_topic(tenant, N_PARTITIONS)
    return tenant


def run(kafka: Kafka, command: Any, *arguments: str, **invoking: Any) -> Result:
    return CliRunner().invoke(command, [*arguments, "--bootstrap-servers", kafka.bootstrap_servers], **invoking)


def test_emit_names_bad_lines_and_sends_all_others(kafka: Kafka, topic: str, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    typed = Keystroke(**ENVELOPE, event_id="e", subject_id="s", field="name", hold_ms=[], flight_ms=[], classes="")
    hostile = encode_event(typed).replace(b'"classes"', b'"\\u001b[2J":1,"classes"')
    lines = [encode_event(login(1)), b"nonsense", b"", encode_event(login(2)) + b"\r", hostile]
    file.write_bytes(b"\n".join([*lines, encode_event(login(3))]))
    result = run(kafka, emit, str(file), "--topic", topic, "--json")
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["sent"], summary["refused"], summary["unsure"]) == (1, 3, 2, 0)
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:2: MALFORMED")
    assert second.startswith(f"{file}:5: INVALID") and r"\x1b[2J" in second
    assert {record.value for record in stored(kafka, topic)} == {encode_event(login(n)) for n in (1, 2, 3)}


def test_emit_reads_a_pipe_and_ends_with_zero_when_all_was_good(kafka: Kafka, topic: str) -> None:
    events = b"\n".join(encode_event(login(number)) for number in range(50))
    result = run(kafka, emit, "-", "--topic", topic, input=events)
    assert result.exit_code == 0
    assert result.stderr.startswith("50 sent, 0 refused")
    assert len(stored(kafka, topic)) == 50


def test_emit_of_more_lines_than_may_be_under_way_sends_them_all(kafka: Kafka, topic: str) -> None:
    events = b"\n".join(encode_event(login(number)) for number in range(5_500))
    result = run(kafka, emit, "-", "--topic", topic, "--json", input=events)
    assert json.loads(result.stdout)["sent"] == 5_500
    assert len(stored(kafka, topic)) == 5_500


def test_raw_lines_go_out_as_they_are(kafka: Kafka, topic: str) -> None:
    lines = [b' {"subject_id": "s", "type": "nothing"} ', b"nonsense", b"\xff"]
    result = run(kafka, emit, "-", "--raw", "--topic", topic, input=b"\n".join(lines))
    assert result.exit_code == 0
    assert {(record.key, record.value) for record in stored(kafka, topic)} == {
        (b"s", lines[0]),
        (None, lines[1]),
        (None, lines[2]),
    }


def test_tail_as_json_is_one_object_a_line_and_says_what_signatures_are_worth(
    kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    (tmp_path / "pub").write_text(PUBLIC)
    ((value, headers),) = signed(verdict("one"))
    publish(kafka, topic, [(value, headers), (value, []), (b"\xff", [])])
    at = ["--from-beginning", "--limit", "3", "--topic", topic]
    result = run(kafka, tail, "verdicts", "--json", *at, env={"MENSHEN_VERIFY_KEYS_FILE": str(tmp_path / "pub")})
    assert result.exit_code == 0
    trusted, unsigned, unreadable = map(json.loads, result.stdout.splitlines())
    assert trusted == msgspec.json.decode(value) | {"signature": "trusted"}
    assert unsigned["signature"] == "unsigned"
    assert (unreadable["unreadable"], unreadable["value_base64"]) == (True, "/w==")


def test_tail_for_people_is_one_line_a_record(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, signed(verdict("one"), verdict("two", decision="block")))
    result = run(kafka, tail, "verdicts", "--from-beginning", "--limit", "2", "--topic", topic)
    assert result.exit_code == 0
    allowed, blocked = result.stdout.splitlines()
    assert "  s  allow" in allowed and "  s  block" in blocked


def test_tail_shows_dead_letters_with_their_headers(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, [(b"\xff", [("reason", b"MALFORMED"), ("detail", b"why"), ("source", b"events/0/1")])])
    result = run(kafka, tail, "dlq", "--from-beginning", "--limit", "1", "--json", "--topic", topic)
    letter = json.loads(result.stdout)
    assert (letter["reason"], letter["detail"], letter["source"]) == ("MALFORMED", "why", "events/0/1")
    assert letter["headers"] == {"reason": "MALFORMED", "detail": "why", "source": "events/0/1"}


def following(kafka: Kafka, topic: str, *arguments: str) -> "subprocess.Popen[str]":
    # Where the suite runs in the background, SIGINT is ignored, and that is inherited.
    command = ["env", "--default-signal=INT", sys.executable]
    command += ["-m", "menshen.cli", "tail", "verdicts", "--topic", topic, *arguments]
    address = {"MENSHEN_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PYTHONPATH": ":".join(sys.path)}
    return subprocess.Popen(command, env=address, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def first_line(kafka: Kafka, topic: str, process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    while not select.select([process.stdout], [], [], 0.2)[0]:
        publish(kafka, topic, signed(verdict("new")))
    return process.stdout.readline()


def test_tail_shows_what_comes_from_now_on_and_ends_quietly_at_ctrl_c(kafka: Kafka, topic: str) -> None:
    publish(kafka, topic, signed(verdict("old")))
    with following(kafka, topic, "--json") as process:
        assert json.loads(first_line(kafka, topic, process))["verdict_id"] == "new"
        process.send_signal(signal.SIGINT)
        assert (process.wait(20), process.stderr and process.stderr.read()) == (0, "")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_tail_ends_quietly_when_nobody_reads_it_any_more(kafka: Kafka, topic: str, form: list[str]) -> None:
    with following(kafka, topic, *form) as process:
        first_line(kafka, topic, process)
        assert process.stdout and process.stderr
        process.stdout.close()
        while process.poll() is None:
            publish(kafka, topic, signed(verdict("more")))
        assert (process.returncode, process.stderr.read()) == (0, "")
