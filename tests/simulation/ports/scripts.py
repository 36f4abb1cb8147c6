"""The meaning of the scripts in `services/menshen/shell/redis/lua/`, in Python: one function each, by its name there.

`tests/integration/test_every_store.py` holds them to the real ones.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, Protocol

HOUR_MS, DAY_MS, MONTH_MS = 3_600_000, 86_400_000, 2_592_000_000
_SIGHTING = struct.Struct(">Hd8s")


class Keys(Protocol):
    """What a script can do to the keyspace. Values are never changed in place."""

    def get(self, key: str) -> Any:
        """Return a value, or None."""

    def put(self, key: str, value: Any) -> None:
        """Set a value."""


def claim(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> list[bytes | None]:
    slot = {**(space.get(keys[0]) or {}), "owner": args[0]}
    space.put(keys[0], slot)
    fields = ("mark", "vmark", "wmark", "first", "last", "intent", "run", "failed")
    return [slot.get(field) for field in fields]


def open(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> list[Any]:
    slot = space.get(keys[0]) or {}
    token, mark, first, last, intent = args
    wrong_token = slot.get("owner") != token
    wrong_mark = slot.get("mark", b"-1") != mark
    if wrong_token or wrong_mark:
        return [b"STALE"]
    stored = int(slot.get("first", -1))
    if stored == int(first):
        last, intent = slot["last"], slot["intent"]
    elif stored < int(first):
        space.put(keys[0], {**slot, "first": first, "last": last, "intent": intent})
    return [b"OK", last, intent, *(space.get(key) for key in keys[1:])]


def save(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> bytes:
    slot = space.get(keys[0]) or {}
    token, mark, new_mark, vmark, wmark, run, _lifetime_ms, *blobs = args
    stands_at = slot.get("mark", b"-1")
    if slot.get("owner") != token:
        return b"STALE"
    if stands_at == new_mark:
        return b"DONE"
    if stands_at != mark:
        return b"STALE"
    for key, blob in zip(keys[1:], blobs, strict=True):
        space.put(key, blob)
    slot = {**slot, "mark": new_mark, "vmark": vmark, "wmark": wmark, "run": run}
    if "first" in slot and int(slot["first"]) <= int(new_mark):
        slot = _without(slot, "first", "last", "intent")
    if "failed" in slot:
        beyond = {offset: n for offset, n in json.loads(slot["failed"]).items() if int(offset) > int(new_mark)}
        slot = {**slot, "failed": json.dumps(beyond).encode()} if beyond else _without(slot, "failed")
    space.put(keys[0], slot)
    return b"OK"


def blame(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> int:
    slot = space.get(keys[0]) or {}
    token, offset = args
    if slot.get("owner") != token:
        return 0
    failed = json.loads(slot.get("failed", b"{}"))
    failed[offset.decode()] = failed.get(offset.decode(), 0) + 1
    space.put(keys[0], {**slot, "failed": json.dumps(failed).encode()})
    return int(failed[offset.decode()])


def accept(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> int:
    slot = space.get(keys[0]) or {}
    if int(slot.get("mark", -1)) >= int(args[0]):
        return 0
    space.put(keys[0], _without({**slot, "mark": args[0], "vmark": b"0", "wmark": b"0"}, "first", "last", "intent"))
    return 1


def observe(space: Keys, keys: Sequence[str], args: Sequence[bytes]) -> list[int]:
    _lifetime_ms, capacity, packed = args
    counts = list[int]()
    for number, ms, subject in _SIGHTING.iter_unpack(packed):
        members = dict(space.get(keys[number - 1]) or {})
        members[subject] = max(ms, members.get(subject, ms))
        newest = sorted(members.items(), key=lambda member: (member[1], member[0]))[-int(capacity) :]
        space.put(keys[number - 1], dict(newest))
        counts += [sum(at >= ms - window_ms for _, at in newest) for window_ms in (HOUR_MS, DAY_MS, MONTH_MS)]
    return counts


def _without(slot: dict[str, bytes], *fields: str) -> dict[str, bytes]:
    return {field: value for field, value in slot.items() if field not in fields}


BY_NAME = {script.__name__: script for script in (claim, open, save, blame, accept, observe)}
