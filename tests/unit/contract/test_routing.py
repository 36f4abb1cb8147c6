"""Every producer must come to the same partition: ours, kafka-python's and the broker's own are one function."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menshen.contract.routing import murmur2, partition_of

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # it reads its schemas the old way
    from kafka.partitioner.default import DefaultPartitioner
    from kafka.partitioner.default import murmur2 as kafka_murmur2

JAVA_UTILS_TEST = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Apache Kafka's own test vectors (`UtilsTest.testMurmur2`), as Java's signed integers."""


class Cluster:
    """As much of a cluster as a partitioner asks for: one topic, all of whose partitions have a leader."""

    def __init__(self, n_partitions: int) -> None:
        self._partitions = set(range(n_partitions))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@pytest.mark.parametrize(("key", "signed"), JAVA_UTILS_TEST.items(), ids=lambda value: str(value)[:12])
def test_the_hash_is_that_of_apache_kafka(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


@pytest.mark.parametrize("length", range(41))
def test_the_hash_is_that_of_kafka_python_at_every_length(length: int) -> None:
    for filler in (b"\x00", b"\x7f", b"\x80", b"\xff", b"a"):
        assert murmur2(filler * length) == kafka_murmur2(filler * length) & 0xFFFFFFFF
    key = bytes(range(256 - length, 256))
    assert murmur2(key) == kafka_murmur2(key) & 0xFFFFFFFF


@settings(max_examples=300)
@given(key=st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)), n_partitions=st.integers(1, 1000))
def test_a_key_lies_where_kafka_python_puts_it(key: bytes, n_partitions: int) -> None:
    assert murmur2(key) == kafka_murmur2(key) & 0xFFFFFFFF
    theirs = DefaultPartitioner().partition("t", None, key, None, None, Cluster(n_partitions))
    assert partition_of(key, n_partitions) == theirs


def test_subjects_are_spread_over_all_partitions() -> None:
    counts = [0] * 6
    for i in range(6_000):
        counts[partition_of(f"subject-{i}".encode(), 6)] += 1
    assert min(counts) > 850
