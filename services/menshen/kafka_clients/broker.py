"""Reaching a broker, and saying in one line why it cannot be used."""

from collections.abc import Mapping, Sequence

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConfigurationError, KafkaError, for_code

Servers = str | Sequence[str]
ANY_BROKER: Mapping[str, object] = {"api_version": (2, 1), "bootstrap_timeout_ms": 5_000}
"""The oldest protocol that Kafka 4 still speaks is the newest that the embedded broker does: no need to ask which."""


class Unreachable(ConnectionError):
    """No broker answers there, or it does not have the topic. Nothing was sent or read; try again when it does."""


def partitions_of(topic: str, connection: Mapping[str, object]) -> list[int]:
    """Return a topic's partitions, asked with the options of any kafka-python client.

    The clients themselves would wait without end for a broker, and ask without a pause for a topic that is not there.

    Raises
    ------
    Unreachable
        No broker answers within `bootstrap_timeout_ms`, or none shows this topic.
    """
    servers = connection["bootstrap_servers"]
    known = {name: value for name, value in connection.items() if name in KafkaAdminClient.DEFAULT_CONFIG}
    try:
        with KafkaAdminClient(**known) as admin:
            (found,) = admin.describe_topics([topic])
    except KafkaConfigurationError:
        raise
    except (KafkaError, ValueError) as error:  # ValueError: it is no address
        raise Unreachable(
            f"Kafka at {servers} does not answer ({error}): is it running, and is this its address?"
        ) from error
    if found["error_code"]:
        why = for_code(found["error_code"]).__name__
        raise Unreachable(f"Kafka at {servers} shows no topic {topic} ({why}): `menshen topics apply` creates it")
    return sorted(partition["partition_index"] for partition in found["partitions"])
