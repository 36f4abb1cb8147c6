"""The AsyncAPI document says what the topics and schemas say, and every reference in it leads somewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from schemas.generator.__main__ import ROOT
from schemas.generator.json_schema import STRUCTS

from menshen.contract.topics import ALL

DOCUMENT = yaml.safe_load((ROOT / "asyncapi.yaml").read_text(encoding="utf-8"))


def references(part: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def leads_somewhere(document: Any, reference: str) -> bool:
    """Say whether there is something at a reference: a file beside the document, or a place within it."""
    file, _, place = reference.partition("#")
    if file:
        return (ROOT / file).is_file()
    for step in place.strip("/").split("/"):
        if step not in document:
            return False
        document = document[step]
    return True


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > len(STRUCTS)
    assert [reference for reference in found if not leads_somewhere(DOCUMENT, reference)] == []


@pytest.mark.parametrize("reference", ["./login.v9.json", "#/components/messages/logout", "#/channels/none"])
def test_the_check_of_references_bites(reference: str) -> None:
    assert not leads_somewhere(DOCUMENT, reference)


def test_there_is_a_channel_for_every_topic_and_a_message_for_every_schema() -> None:
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == set(ALL)
    assert set(DOCUMENT["components"]["messages"]) == set(STRUCTS)


def test_detect_reads_events_and_writes_what_it_makes_of_them() -> None:
    actions = {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}
    assert actions["detect_receives_events"] == "receive"
    assert {name for name, action in actions.items() if action == "send" and name.startswith("detect_")} == {
        "detect_sends_assessment",
        "detect_sends_verdict",
        "detect_sends_dlq",
    }
