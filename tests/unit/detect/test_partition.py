from collections.abc import Mapping
from typing import NamedTuple

import pytest

from menshen.contract.assessment import Observed
from menshen.detect.ownership import partition
from menshen.detect.ownership.partition import Journaled, Partition
from menshen.fraud.subject import NOBODY
from menshen.shell.redis.store import Claim, Intent, Marks


class Record(NamedTuple):
    offset: int


def owned(mark: int = 9, intent: Intent | None = None, failed: Mapping[int, int] = {}) -> Partition:
    return Partition(0, Claim("token", Marks(mark, 100, 50), intent, "run", failed))


def offsets(batch: list[Record]) -> list[int]:
    return [record.offset for record in batch]


def waiting(owned: Partition, *numbers: int) -> Partition:
    owned.waiting = [Record(number) for number in numbers]
    return owned


def test_work_starts_behind_the_mark() -> None:
    assert owned(mark=9).position == 10
    assert owned(mark=-1).position == 0


def test_without_an_intent_a_batch_is_what_waits_up_to_the_limit() -> None:
    fetched = waiting(owned(), 10, 11, 12)
    assert offsets(fetched.take(2)) == [10, 11]
    assert offsets(fetched.take(2)) == [12]


def test_a_batch_ends_before_a_stored_intent_begins() -> None:
    fetched = waiting(owned(intent=Intent(12, 13, b"")), 10, 11, 12, 13)
    assert offsets(fetched.take(100)) == [10, 11]


def test_an_intent_that_is_reached_is_taken_whole_or_not_yet() -> None:
    reached = waiting(owned(intent=Intent(10, 13, b"")), 10, 11, 12)
    assert reached.take(1) == []
    reached.waiting += [Record(13), Record(14)]
    assert offsets(reached.take(1)) == [10, 11, 12, 13]


def test_an_intent_that_the_position_has_passed_fixes_nothing() -> None:
    fetched = waiting(owned(intent=Intent(5, 9, b"")), 10, 11, 12)
    assert offsets(fetched.take(100)) == [10, 11, 12]


def test_records_of_events_beyond_the_mark_hold_the_log_positions_back() -> None:
    judged = owned()
    judged.position, judged.published_end, judged.answered_end = 12, 200, 80
    assert judged.marks() == Marks(11, 200, 80)
    judged.journal["s", "e"] = Journaled(150, 12, Observed())
    judged.answered["v"] = Journaled(60, 12, Observed())
    judged.journal["s", "older"] = Journaled(101, 11, Observed())
    assert judged.marks() == Marks(11, 150, 60)


def test_after_a_save_what_the_mark_has_passed_is_forgotten() -> None:
    judged = owned(intent=Intent(10, 11, b""))
    judged.position = 12
    judged.journal = {("s", "old"): Journaled(101, 11, Observed()), ("s", "new"): Journaled(150, 12, Observed())}
    judged.remember("s", NOBODY, changed=True)
    judged.saved(judged.marks())
    assert judged.journal.keys() == {("s", "new")}
    assert (judged.claim.intent, judged.changed, judged.unsaved) == (None, set(), False)


def test_the_subjects_unused_longest_leave_the_memory_and_only_once_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MAX_SUBJECTS", 2)
    judged = owned()
    for name in ("a", "b", "c", "a"):
        judged.remember(name, NOBODY, changed=True)
    assert judged.subjects.keys() == {"a", "b", "c"}
    judged.saved(judged.marks())
    assert judged.subjects.keys() == {"c", "a"}


@pytest.mark.parametrize(
    ("failed", "quarantined"), [({}, set()), ({10: 2}, set()), ({10: 3}, {10}), ({10: 3, 12: 4, 13: 2}, {10, 12})]
)
def test_events_that_failed_three_times_are_quarantined(failed: dict[int, int], quarantined: set[int]) -> None:
    assert owned(failed=failed).quarantined == quarantined
