"""What was sent and what must become of it: one line of JSON a record, after a first line about the whole."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

EVENTS = "menshen.events.v1"
ASSESSMENTS = "menshen.assessment.v1"
VERDICTS = "menshen.verdict.v1"
DEAD_LETTERS = "menshen.dlq.v1"

Fate = Literal["judged", "known", "dead"]
"""One assessment; none, since it is the same event again; or a dead letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A record, where the broker put it, and its fate.

    `asks` is what a verdict on it must be bound to, None where none is due; `reason` is that of its dead letter. Bytes
    are written as hexadecimal text; `sha256` is None for a record without a value.
    """

    kind: str
    fate: Fate
    reason: str | None = None
    subject_id: str
    event_id: str
    event_type: str
    asks: dict[str, Any] | None = None
    key: str | None
    sha256: str | None
    headers: list[tuple[str, str | None]]
    partition: int = -1
    offset: int = -1

    @property
    def source(self) -> str:
        """Where it lies, as a dead letter names it."""
        return f"{EVENTS}/{self.partition}/{self.offset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A whole run: how it can be made again, and where the topics of answers ended before it."""

    seed: int
    started_ms: int
    before: dict[str, list[int]]
    sent: Sequence[Sent]

    def write(self, path: Path) -> None:
        """Write it as JSON lines."""
        about = {"seed": self.seed, "started_ms": self.started_ms, "before": self.before}
        lines = (about, *(dataclasses.asdict(one) for one in self.sent))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def read_manifest(path: Path) -> Manifest:
    """Read a manifest back."""
    about, *lines = map(json.loads, path.read_text().splitlines())
    sent = [Sent(**line | {"headers": [tuple(header) for header in line["headers"]]}) for line in lines]
    return Manifest(**about, sent=sent)


def digest(value: bytes | None) -> str | None:
    """Return the SHA-256 of a record's value."""
    return None if value is None else sha256(value).hexdigest()


def hexed(part: bytes | None) -> str | None:
    """Return bytes as text, none as none."""
    return None if part is None else part.hex()
