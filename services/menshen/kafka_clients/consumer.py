"""Reads verdicts for whoever acts on them: each once, and only those that can be trusted."""

import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import msgspec
from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.contract.topics import VERDICTS
from menshen.contract.verdict import SIGNATURE_HEADER, Verdict
from menshen.kafka_clients.broker import ANY_BROKER, Servers, partitions_of
from menshen.kafka_clients.member import GroupMember

log = logging.getLogger(__name__)
REMEMBERED = 65_536
"""Verdict ids that a consumer knows again; about 12 MB, an hour at 18 verdicts a second."""
COMMIT_EVERY_S = 1.0
MOST_FETCHED = 100
_POLL_MS = 200
_TIMING = {"auto_offset_reset": "earliest", "session_timeout_ms": 6_000, "heartbeat_interval_ms": 1_500}
_DECODER = msgspec.json.Decoder(Verdict)


class Rejection(StrEnum):
    """Why a record of the verdict topic was not handed out."""

    UNDECODABLE = "UNDECODABLE"
    """It is not a verdict that this release can read."""
    UNSIGNED = "UNSIGNED"
    """It would open or close something, and nobody vouches for it."""
    BAD_SIGNATURE = "BAD_SIGNATURE"
    """Signed by a key that is not trusted here, or changed since."""


class VerdictConsumer:
    """Iterates over the verdicts of a consumer group, each once and only those that can be trusted.

    Asking for the next verdict says that the last one is done with; `acknowledge` says so without asking. What is done
    with is committed, within a second and at the end, and nothing else is: after a crash some verdicts come again, so
    act on a `verdict_id` once. Duplicates are dropped as far as the last 65,536 ids reach: the first record of an id in
    the log is the valid one. Unsigned and forged verdicts are counted in `rejected`, logged, and never handed out.
    Expired ones are handed out: see `opens`.

    `keys` is a PEM file of public keys, or the keys themselves. `timeout_s` ends the iteration when no verdict has come
    for so long; None waits for ever. A new group begins with the oldest verdict. Any further option is kafka-python's
    own.

    Raises
    ------
    Unreachable
        At once, if no broker answers or the topic is not there. Later outages are waited out.
    ValueError, OSError
        `keys` cannot be read.
    """

    def __init__(
        self,
        bootstrap_servers: Servers,
        *,
        group_id: str,
        keys: TrustedKeys | Path | str,
        topic: str = VERDICTS,
        timeout_s: float | None = None,
        **options: object,
    ) -> None:
        self.rejected = Counter[Rejection]()
        self.n_duplicates = 0
        self._keys = keys if isinstance(keys, TrustedKeys) else TrustedKeys.from_pem(Path(keys).read_text())
        self._timeout_s = float("inf") if timeout_s is None else timeout_s
        self._known = OrderedDict[str, None]()
        self._fetched = deque[Any]()
        self._in_hand: Any = None
        self._done = dict[Any, Any]()
        self._committed_at_s = time.monotonic()
        chosen = {"bootstrap_servers": bootstrap_servers, **ANY_BROKER, **_TIMING, **options}
        partitions_of(topic, chosen)
        self._consumer = GroupMember(topic, group_id=group_id, enable_auto_commit=False, **chosen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Verdict]:
        return self

    def __next__(self) -> Verdict:
        self.acknowledge()
        while (record := self._next_record()) is not None:
            if (verdict := self._examine(record)) is not None:
                self._in_hand = record
                return verdict
            self._finish(record)
        raise StopIteration

    def acknowledge(self) -> None:
        """Say that the verdict in hand is done with, so that it does not come again."""
        if self._in_hand is not None:
            self._finish(self._in_hand)
            self._in_hand = None

    def close(self) -> None:
        """Commit what is done with and leave the group; the verdict in hand comes again unless acknowledged."""
        self._commit()
        self._consumer.close(autocommit=False)

    def _next_record(self) -> Any:
        until_s = time.monotonic() + self._timeout_s
        if time.monotonic() - self._committed_at_s > COMMIT_EVERY_S:
            self._commit()
        while not self._fetched:
            self._commit()  # a poll may give partitions away: then others begin where this one ended
            if time.monotonic() >= until_s:
                return None
            polled = self._consumer.poll(timeout_ms=_POLL_MS, max_records=MOST_FETCHED)
            self._fetched.extend(record for records in polled.values() for record in records)
        return self._fetched.popleft()

    def _examine(self, record: Any) -> Verdict | None:
        headers = [(name, value) for name, value in record.headers if value is not None]
        try:
            verdict: Verdict = _DECODER.decode(record.value or b"")
            if verdict.kind != "login" or verdict.application_id is not None:
                self._keys.verify(record.value, headers)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            self._reject(Rejection.UNDECODABLE, record, error)
            return None
        except BadSignature as error:
            signed = SIGNATURE_HEADER in dict(headers)
            self._reject(Rejection.BAD_SIGNATURE if signed else Rejection.UNSIGNED, record, error)
            return None
        return verdict if self._is_first(verdict.verdict_id) else None

    def _reject(self, why: Rejection, record: Any, error: Exception) -> None:
        self.rejected[why] += 1
        log.warning("%s verdict at %s/%d/%d: %r", why, record.topic, record.partition, record.offset, str(error))

    def _is_first(self, verdict_id: str) -> bool:
        if verdict_id in self._known:
            self.n_duplicates += 1
            return False
        self._known[verdict_id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return True

    def _finish(self, record: Any) -> None:
        self._done[TopicPartition(record.topic, record.partition)] = OffsetAndMetadata(record.offset + 1, "", -1)

    def _commit(self) -> None:
        """Commit what is done with. If the group has moved on, the new owner gets it again: that does no harm."""
        self._committed_at_s = time.monotonic()
        if not self._done:
            return
        try:
            self._consumer.commit(self._done, timeout_ms=10_000)
        except KafkaError as error:
            log.warning("not committed, so these verdicts may come again: %s", error)
            self._fetched.clear()
        self._done = {}
