"""A verdict that counts for nothing leaves everything as it was, on each database; one that counts does so once."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from tests.gate.forging import REBOUND, UNVOUCHED, Aim, allow_for
from tests.gate.office import Place
from tests.gate.signing import ALLOW_LASTS_MS, Record
from tests.unit.onboard.counter import DRAW, Counter

from menshen.contract.opening import Misfit
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER
from menshen.loan.gate import BuiltUpon, Proved, SendingBegan
from menshen.onboard.inbox import Fate
from menshen.onboard.sql.tables import METADATA, alerts, inbox

ENTRY, SIGNING = Place("a1", "eligibility"), Place("a1", "agreement")
SCORE = (b'"score":100', b'"score":101')


def everything_but_the_inbox(counter: Counter) -> dict[str, Sequence[Any]]:
    tables = [table for table in METADATA.sorted_tables if table is not inbox]
    ordered = {table.name: select(table).order_by(*table.primary_key) for table in tables}
    return counter.office.database.read(lambda c: {name: c.execute(query).all() for name, query in ordered.items()})


def comes_to_nothing(counter: Counter, record: Record) -> str:
    """Return the fate of a record, which has to leave gates, history, queue and outbox as they were."""
    before = everything_but_the_inbox(counter)
    fate = counter.office.receive(record)
    assert everything_but_the_inbox(counter) == before
    return fate


def changed(counter: Counter, record: Record, **other: Any) -> Record:
    """Return what detect would have signed if it had said something else."""
    return counter.detect.sign(replace(counter.verdict(record), **other))


def aim(counter: Counter, other: Place) -> Aim:
    return Aim(counter.question(), counter.question(other), counter.office.clock.now_ms, Random(1))


@pytest.fixture
def asked(counter: Counter) -> Counter:
    """A customer waits at the entry."""
    counter.office.open()
    counter.office.come(ENTRY)
    return counter


@pytest.fixture
def drawn(counter: Counter) -> Counter:
    """A draw awaits its verdict, and so does another customer at the entry."""
    counter.office.open("a2", "s2")
    counter.office.come(Place("a2", "eligibility"))
    counter.at_the_line().draw()
    return counter


def test_a_verdict_that_differs_in_one_binding_leaves_room_for_the_right_one(drawn: Counter) -> None:
    at = aim(drawn, Place("a2", "eligibility"))
    fates = {
        wrong: comes_to_nothing(drawn, drawn.detect.sign(REBOUND[wrong](allow_for(at), at)))
        for wrong in set(Misfit) - {Misfit.OTHER_QUESTION}
    }
    assert fates == {wrong: wrong for wrong in fates}
    assert drawn.answer() == Fate.HEEDED


def test_a_verdict_that_names_another_question_is_held_against_that_one(drawn: Counter) -> None:
    other = DRAW._replace(draw_id="w2")
    drawn.draw("1000.00", other)
    swapped = changed(drawn, drawn.signed(), event_id=drawn.question(other).event_id)
    assert comes_to_nothing(drawn, swapped) == Misfit.OTHER_DRAW


def test_what_nobody_vouches_for_is_as_though_it_had_not_come(drawn: Counter) -> None:
    at, allow, before = aim(drawn, Place("a2", "eligibility")), drawn.signed(), drawn.rows(inbox)
    key_id, signature = (dict(allow.headers)[name] for name in (KEY_ID_HEADER, SIGNATURE_HEADER))
    records = [UNVOUCHED[how](drawn.detect, at) for how in set(UNVOUCHED) - {"flipped"}] + [
        allow._replace(value=allow.value.replace(*SCORE)),
        allow._replace(headers=[(KEY_ID_HEADER, key_id), (SIGNATURE_HEADER, b"")]),
        allow._replace(headers=[(KEY_ID_HEADER, key_id)]),
        allow._replace(headers=[(SIGNATURE_HEADER, signature)]),
    ]
    assert SCORE[0] in allow.value
    assert {comes_to_nothing(drawn, record) for record in records} == {Fate.BAD_SIGNATURE}
    assert drawn.rows(inbox) == before
    assert drawn.office.receive(allow) == Fate.HEEDED


def test_neither_what_is_no_verdict_nor_what_is_not_ours_leaves_a_trace(asked: Counter) -> None:
    allow = asked.signed(ENTRY)
    no_verdicts = [allow._replace(value=value) for value in (None, b"", b"{", b"\xff", allow.value[:-1])]
    login = changed(asked, allow, application_id=None)._replace(headers=[])  # detect signs none of those
    elsewhere = [login, changed(asked, allow, application_id="a9")]
    assert {comes_to_nothing(asked, record) for record in no_verdicts} == {Fate.UNDECODABLE}
    assert {comes_to_nothing(asked, record) for record in elsewhere} == {Fate.NOT_OURS}
    assert asked.rows(inbox) == []


def test_an_id_and_a_question_are_each_good_for_one_verdict(asked: Counter) -> None:
    block = asked.signed(ENTRY, "block")
    assert asked.office.receive(block) == Fate.HEEDED
    assert comes_to_nothing(asked, block) == Fate.KNOWN
    assert comes_to_nothing(asked, changed(asked, block, decision="allow")) == Fate.KNOWN
    another = changed(asked, block, decision="allow", verdict_id="another")
    assert comes_to_nothing(asked, another) == Fate.ANSWERED
    unheard_of = changed(asked, block, verdict_id="third", event_id="unheard-of")
    assert comes_to_nothing(asked, unheard_of) == Fate.NOT_ASKED
    assert sorted(row.fate for row in asked.rows(inbox)) == ["ANSWERED", "HEEDED", "NOT_ASKED"]


def test_an_attempt_that_another_has_followed_is_not_answered_any_more(drawn: Counter) -> None:
    first = drawn.signed()
    drawn.office.clock.turn(5_000)
    drawn.office.wake()
    drawn.draw()
    assert comes_to_nothing(drawn, first) == Fate.SUPERSEDED


def test_an_answer_is_late_where_a_proof_stands_in_for_it(asked: Counter) -> None:
    asked.answer(ENTRY)
    asked.office.come(SIGNING)
    asked.office.happen(SIGNING, Proved())
    asked.office.clock.turn(1_500)
    asked.office.wake()
    assert comes_to_nothing(asked, asked.signed(SIGNING)) == Fate.LATE


@pytest.mark.parametrize("lives_ms", [1, 2])
def test_a_verdict_is_void_from_the_millisecond_that_it_names(asked: Counter, lives_ms: int) -> None:
    void_ms = asked.office.clock.now_ms + lives_ms  # it is taken in a millisecond from now
    fate = asked.office.receive(changed(asked, asked.signed(ENTRY), expires_ms=void_ms))
    assert fate == (Misfit.EXPIRED if lives_ms == 1 else Fate.HEEDED)


def test_what_was_void_when_it_came_stays_so(asked: Counter) -> None:
    allow = asked.signed(ENTRY)
    asked.office.clock.turn(ALLOW_LASTS_MS)
    assert [comes_to_nothing(asked, allow) for _ in range(2)] == [Misfit.EXPIRED, Fate.KNOWN]


def test_a_revocation_that_overtakes_its_allow_stops_it_without_a_trace_at_the_gate(asked: Counter) -> None:
    allow = asked.signed(ENTRY)
    assert comes_to_nothing(asked, asked.revocation(allow)) == Fate.REVOKES_NOTHING
    assert comes_to_nothing(asked, allow) == Fate.REVOKED


def test_a_revocation_reaches_an_open_gate_a_payment_under_way_and_what_has_taken_effect(drawn: Counter) -> None:
    open_one, under_way = (DRAW._replace(draw_id=name) for name in ("r1", "r2"))
    allows = {}
    for place in (open_one, under_way):
        drawn.draw("10.00", place)
        allows[place] = drawn.signed(place)
        drawn.office.receive(allows[place])
    drawn.office.happen(under_way, SendingBegan())
    effective = Place("a2", "eligibility")
    allows[effective] = drawn.signed(effective)
    drawn.office.receive(allows[effective])
    drawn.office.happen(effective, BuiltUpon())
    assert {drawn.office.receive(drawn.revocation(allow)) for allow in allows.values()} == {Fate.REVOKES}
    assert (drawn.gate(open_one).state, drawn.gate(open_one).verdict_id) == ("waiting", None)
    assert (drawn.gate(under_way).state, drawn.gate(under_way).doubted) == ("sending", True)
    assert drawn.gate(effective).state == "done"
    assert [(row.code, row.application_id) for row in drawn.rows(alerts)] == [("RECALL", "a2")]


def test_a_revocation_of_what_is_in_no_hand_or_in_anothers_revokes_nothing(drawn: Counter) -> None:
    allow = drawn.signed()
    drawn.office.receive(allow)
    elsewhere = changed(drawn, drawn.revocation(allow), application_id="a2", verdict_id="elsewhere")
    assert comes_to_nothing(drawn, elsewhere) == Fate.REVOKES_NOTHING
    assert drawn.office.receive(drawn.revocation(allow)) == Fate.REVOKES
    drawn.draw()
    assert comes_to_nothing(drawn, drawn.revocation(allow)) == Fate.REVOKES_NOTHING
