"""`menshen emit` where there is no broker: it says so in one line, within seconds."""

import gc
from pathlib import Path

import pytest
from click.testing import CliRunner

from menshen.commands.records.emit import emit, key_of
from menshen.shell.embedded.servers import HOST, free_port


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"subject_id": "s", "type": "no such type"}', b"s"),
        ('{"subject_id": "门"}'.encode(), "门".encode()),
        (b'{"subject_id": 7}', None),
        (b"{}", None),
        (b"not json", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_a_raw_line_is_keyed_by_its_subject_if_it_says_one(line: bytes, key: bytes | None) -> None:
    assert key_of(line) == key


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert CliRunner().invoke(emit, [str(tmp_path / "none.jsonl")]).exit_code == 2


def test_settings_that_cannot_work_are_named() -> None:
    result = CliRunner().invoke(emit, ["-"], env={"MENSHEN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert result.exit_code == 2
    assert "MENSHEN_KAFKA_PASSWORD" in result.stderr


@pytest.mark.slow
# kafka-python leaves its sockets to the garbage collector when it gives up: it runs here, where that is known.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("address", [f"{HOST}:{free_port()}", "host:port"], ids=["nobody there", "no address"])
def test_without_a_broker_one_line_says_where_it_was_looked_for(address: str) -> None:
    result = CliRunner().invoke(emit, ["-", "--bootstrap-servers", address], input="{}\n")
    status, (line,) = result.exit_code, result.stderr.splitlines()
    del result  # it keeps the sockets by way of the error
    gc.collect()
    assert status == 1
    assert f"Kafka at {address} does not answer" in line
