"""The stream of the proof: made by its seed alone, every defect in it, and each value broken as it says."""

from collections import Counter
from itertools import pairwise

import pytest
from tests.outside.generator import partition_of
from tests.outside.plan import DEFECTS, REPEATS, drafts
from tests.outside.records import Draft

from menshen.contract import routing
from menshen.contract.decoding import Undecodable, decode_event

STREAM = list(drafts(3_000, seed=7, started_ms=1_795_514_400_000))
BY_VALUE = {draft.kind: draft for draft in STREAM if draft.reason not in (None, "MISROUTED", "ID_REUSE")}


def answer(draft: Draft) -> str:
    try:
        return decode_event(draft.value).event_id
    except Undecodable as refused:
        return refused.reason


def test_a_seed_makes_the_same_stream_again_and_another_seed_another() -> None:
    assert list(drafts(3_000, seed=7, started_ms=1_795_514_400_000)) == STREAM
    assert {d.value for d in drafts(3_000, seed=8, started_ms=0)} & {d.value for d in STREAM if not d.reason} == set()


def test_a_run_has_its_number_of_records_and_every_defect() -> None:
    n_of_kind = Counter(draft.kind for draft in STREAM)
    assert len(STREAM) == 3_000
    assert {n_of_kind[kind] for kind in (*DEFECTS, *REPEATS)} == {3}


def test_all_nine_families_come() -> None:
    assert len({draft.event["type"] for draft in STREAM}) == 9


def test_a_run_too_short_for_every_defect_is_refused() -> None:
    with pytest.raises(ValueError, match="ask for"):
        list(drafts(60, seed=7, started_ms=0))


@pytest.mark.parametrize("kind", sorted(BY_VALUE))
def test_a_broken_value_gets_the_reason_that_is_expected(kind: str) -> None:
    broken = [draft for draft in STREAM if draft.kind == kind]
    assert {answer(draft) for draft in broken} == {broken[0].reason}


def test_every_other_value_is_the_event_that_it_was_made_from() -> None:
    sound = [draft for draft in STREAM if draft.kind not in BY_VALUE]
    assert [answer(draft) for draft in sound] == [draft.event["event_id"] for draft in sound]


def test_a_broken_record_stands_before_the_sound_one_of_its_event() -> None:
    for draft, following in pairwise(STREAM):
        if draft.kind in DEFECTS:
            assert (following.event["event_id"], following.reason) == (draft.event["event_id"], None)


def test_a_key_has_the_partition_that_kafka_gives_it() -> None:
    keys = [b"x" * n + bytes([n]) for n in range(40)]
    assert [partition_of(key, 6) for key in keys] == [routing.partition_of(key, 6) for key in keys]
