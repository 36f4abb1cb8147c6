"""What Redis holds at the end: against a recount of the log, and against what a calm worker made of the same log."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.chaos.oracle.census import Census
from tests.outside.comparison import Discrepancy

Times = tuple[int, ...]


@dataclass
class State:
    """One tenant's state: digests of the subjects' blobs by key, each shared set with its times, marks by slot."""

    blobs: dict[bytes, bytes] = field(default_factory=dict)
    sets: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    marks: dict[bytes, int] = field(default_factory=dict)


def read_state(redis: Any, tenant: str) -> State:
    """Read it; `redis` is a client that does not decode."""
    state, prefix = State(), b"{%b:" % tenant.encode()
    for key in redis.scan_iter(match=prefix + b"*", count=1000):
        kind = key.partition(b"}:")[2]
        if kind.startswith(b"s:"):
            state.blobs[key] = sha256(redis.get(key)).digest()
        elif key.startswith(prefix + b"shared:"):
            state.sets[key] = {member: int(ms) for member, ms in redis.zrange(key, 0, -1, withscores=True)}
        elif kind == b"slot":
            state.marks[key] = int(redis.hget(key, "mark") or -1)
    return state


def differences(state: State, calm: State) -> Iterator[Discrepancy]:
    """Yield where the state is not that of the calm run."""
    for what in ("blobs", "sets", "marks"):
        ours, theirs = getattr(state, what), getattr(calm, what)
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield Discrepancy(
                    f"STATE DIFFERS, {what}", key.decode(), f"{ours.get(key)!r}, calm {theirs.get(key)!r}"
                )


def recounted(state: State, census: Census) -> Iterator[Discrepancy]:
    """Yield where the shared sets are not what the log says.

    Names are hashed under a secret, so that each set is known by its times alone: who was there last when.
    """
    ours = Counter((key.partition(b"}:")[2][:1].decode(), _times(times)) for key, times in state.sets.items())
    theirs = Counter((kind, _times(times)) for (kind, _), times in census.latest_ms.items())
    for kind, times in list(ours - theirs):
        yield Discrepancy("SHARED STATE", kind, f"a set of {len(times)} that the log does not know: {times}")
    for kind, times in list(theirs - ours):
        yield Discrepancy("SHARED STATE", kind, f"a set of {len(times)} is not there: {times}")


def _times(latest_ms: dict[Any, int]) -> Times:
    return tuple(sorted(latest_ms.values()))
