"""The AsyncAPI document: channels from the topics' declarations, messages from the schemas, by reference."""

from collections.abc import Iterator
from typing import Any

import yaml
from schemas.generator.json_schema import STRUCTS, file_of

from menshen.shell.kafka.topics import Topic, catalogue

SERVICES = ("detect", "onboard")
"""The processes of this project: they alone have operations, what others do stands at the channels."""
_INTRODUCTION = (
    "A self-hosted, real-time anti-fraud gate for lending. Records are JSON in UTF-8, keyed and partitioned by Kafka's "
    "murmur2; a librdkafka client must set partitioner=murmur2_random. Written by python -m schemas.generator."
)
_KEYLESS = {"shed": "None: it is about many subjects."}
_FILES = {file_of(name): name for name in STRUCTS}


def asyncapi() -> str:
    """Return the document as YAML."""
    topics = catalogue()
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Menshen", "version": "1.0.0", "description": _INTRODUCTION},
        "defaultContentType": "application/json",
        "channels": {_channel_name(topic): _channel(topic) for topic in topics},
        "operations": {name: operation for topic in topics for name, operation in _operations(topic)},
        "components": {"messages": {name: _message(topic, name) for topic in topics for name in _messages(topic)}},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _channel_name(topic: Topic) -> str:
    return topic.name.split(".")[1]


def _messages(topic: Topic) -> list[str]:
    return [_FILES[file] for file in topic.schemas]


def _channel(topic: Topic) -> dict[str, Any]:
    said = f"{topic.description} Key: {topic.key}. Owner: {topic.owner}."
    return {
        "address": topic.name,
        "description": f"{said} From: {', '.join(topic.producers)}. To: {', '.join(topic.consumers)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(topic)},
        "bindings": {"kafka": _binding(topic)},
    }


def _binding(topic: Topic) -> dict[str, Any]:
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "replicas": topic.replication,
        "topicConfiguration": {
            "cleanup.policy": [topic.cleanup],
            "retention.ms": int(topic.settings["retention.ms"]),
            "max.message.bytes": topic.max_message_bytes,
        },
        "bindingVersion": "0.5.0",
    }


def _operations(topic: Topic) -> Iterator[tuple[str, dict[str, Any]]]:
    channel = _channel_name(topic)
    for verb, action, services in (("receives", "receive", topic.consumers), ("sends", "send", topic.producers)):
        for service in SERVICES:
            if service in services:
                reference = {"$ref": f"#/channels/{channel}"}
                yield f"{service}_{verb}_{channel}", {"action": action, "channel": reference}


def _message(topic: Topic, name: str) -> dict[str, Any]:
    keyless = name in _KEYLESS
    key = {"type": "null" if keyless else "string", "description": _KEYLESS.get(name, topic.key)}
    return {
        "name": name,
        "contentType": "application/json",
        "payload": {"$ref": f"./{file_of(name)}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }
