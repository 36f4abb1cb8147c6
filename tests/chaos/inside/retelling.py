"""A worker that tells the whole log again: what it would have published goes into files, to be compared byte for byte.

The journal gives what was observed, as after any loss; but here it keeps no record from being made again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from menshen.detect.loop import Loop
from menshen.shell.kafka.clients import Publisher


class Told(NamedTuple):
    """A record that was told again."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


def retell(folder: Path) -> None:
    """Have this process write its records to `folder` instead of to Kafka."""
    publish = Loop._publish

    async def all_of_them(self: Loop, portion: Any) -> None:
        owned = portion.owned
        journal, answered, shed = owned.journal, owned.answered, owned.shed
        owned.journal, owned.answered, owned.shed = {}, {}, {}
        try:
            await publish(self, portion)
        finally:
            owned.journal, owned.answered, owned.shed = journal, answered, shed

    async def to_a_file(_: Publisher, topic: str, partition: int, records: Any) -> None:
        with (folder / f"{topic}-{partition}.jsonl").open("a", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps([_hexed(record.key), _hexed(record.value)]) + "\n")

    Loop._publish = all_of_them  # type: ignore[method-assign]
    Publisher.publish = to_a_file  # type: ignore[assignment,method-assign]


def read_told(folder: Path, topic: str, partition: int) -> Iterator[Told]:
    """Yield what was told again of one partition of a topic."""
    path = folder / f"{topic}-{partition}.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        key, value = (None if part is None else bytes.fromhex(part) for part in json.loads(line))
        yield Told(topic, partition, key, value)


def _hexed(part: bytes | None) -> str | None:
    return None if part is None else part.hex()
