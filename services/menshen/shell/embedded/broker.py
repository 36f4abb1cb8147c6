"""The program that EmbeddedBroker runs: librdkafka's mock broker, until standard input ends.

It prints its address. Each line "partitions topic" then creates a topic, answered by "Success" or by what is wrong.
"""

import ctypes
import sys

from confluent_kafka import cimpl


def serve() -> None:
    """Serve until standard input ends."""
    kafka = _librdkafka()
    handle = kafka.rd_kafka_new(0, None, None, 0)
    cluster = kafka.rd_kafka_mock_cluster_new(handle, 1)
    # Otherwise a consumer group's first member waits three seconds for others.
    kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        n_partitions, topic = line.split()
        error = kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), int(n_partitions), 1)
        print(kafka.rd_kafka_err2str(error).decode(), flush=True)


def _librdkafka() -> ctypes.CDLL:
    """Load the C library behind the wheel's extension module, whose Python side cannot set a number of partitions."""
    # A symbol that the extension lacks is looked up in the libraries that it was linked to.
    library = ctypes.CDLL(cimpl.__file__)
    pointer = ctypes.c_void_p
    signatures: dict[str, tuple[object, list[object]]] = {
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
        "rd_kafka_err2str": (ctypes.c_char_p, [ctypes.c_int]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


if __name__ == "__main__":
    serve()
