"""What becomes of a record of the verdict topic: one test for each fate."""

from random import Random

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from tests.gate.forging import REBOUND, UNVOUCHED, Aim, allow_for
from tests.gate.office import Place
from tests.gate.signing import ALLOW_LASTS_MS, Record, verdict_on
from tests.unit.onboard.counter import Counter

from menshen.contract.opening import Misfit
from menshen.contract.verdict import Verdict
from menshen.loan.gate import Proved
from menshen.onboard.inbox import Fate
from menshen.onboard.sql.tables import alerts, inbox


@pytest.fixture
def asked(counter: Counter) -> Counter:
    """A draw awaits its verdict."""
    counter.at_the_line().draw()
    return counter


def kept(counter: Counter, record: Record) -> list[str]:
    """The fates that the inbox remembers of a record's bytes."""
    query = select(inbox.c.fate).where(inbox.c.value == record.value)
    return list(counter.office.database.read(lambda c: c.execute(query).scalars().all()))


def test_an_answer_that_fits_is_heeded_and_kept_with_its_signature(asked: Counter) -> None:
    record = asked.signed()
    assert asked.office.receive(record) == Fate.HEEDED
    assert (asked.gate().state, asked.gate().verdict_id) == ("open", asked.verdict(record).verdict_id)
    row = next(row for row in asked.rows(inbox) if row.value == record.value)
    said = dict(record.headers)
    assert (row.fate, row.key_id.encode(), row.signature) == ("HEEDED", said["key_id"], said["signature"])


def test_an_answer_that_comes_twice_counts_once(asked: Counter) -> None:
    record = asked.signed()
    assert [asked.office.receive(record) for _ in range(3)] == [Fate.HEEDED, Fate.KNOWN, Fate.KNOWN]
    assert len(asked.waiting("payment")) == 1
    assert kept(asked, record) == ["HEEDED"]


def test_a_question_that_was_answered_is_answered(asked: Counter) -> None:
    asked.answer(decision="review")
    other = replace(verdict_on(asked.question(), "allow", asked.office.clock.now_ms), verdict_id="another")
    assert asked.office.receive(asked.detect.sign(other)) == Fate.ANSWERED
    assert asked.gate().state == "review"


def test_an_answer_to_an_earlier_attempt_opens_nothing(asked: Counter) -> None:
    first = asked.signed()
    asked.office.clock.turn(5_000)
    asked.office.wake()
    asked.draw()
    assert asked.office.receive(first) == Fate.SUPERSEDED
    assert (asked.gate().state, asked.gate().attempt) == ("asked", 2)
    assert asked.answer() == Fate.HEEDED


def test_an_answer_is_late_where_silence_has_already_asked_for_a_proof(counter: Counter) -> None:
    agreement = Place("a1", "agreement")
    counter.office.open()
    counter.office.come(Place("a1", "eligibility"))
    counter.answer(Place("a1", "eligibility"))
    counter.office.come(agreement)
    counter.office.happen(agreement, Proved())
    counter.office.clock.turn(1_500)
    counter.office.wake()
    assert counter.answer(agreement) == Fate.LATE
    assert counter.gate(agreement).state == "proving"


def test_an_answer_that_comes_after_the_deadline_is_heeded_all_the_same(asked: Counter) -> None:
    asked.office.clock.turn(5_000)
    asked.office.wake()
    assert asked.gate().state == "parked"
    assert asked.answer() == Fate.HEEDED
    assert asked.gate().state == "open"


def test_a_revocation_shuts_what_its_allow_has_opened(asked: Counter) -> None:
    allow = asked.signed()
    asked.office.receive(allow)
    assert asked.office.receive(asked.revocation(allow)) == Fate.REVOKES
    assert (asked.gate().state, asked.gate().verdict_id) == ("waiting", None)


def test_a_revocation_that_overtakes_its_allow_keeps_it_from_opening_anything(asked: Counter) -> None:
    allow = asked.signed()
    assert asked.office.receive(asked.revocation(allow)) == Fate.REVOKES_NOTHING
    assert asked.office.receive(allow) == Fate.REVOKED
    assert asked.gate().state == "asked"
    assert kept(asked, allow) == ["REVOKED"]


def test_a_revocation_of_what_has_taken_effect_raises_an_alert_each_one_once(counter: Counter) -> None:
    eligibility = Place("a1", "eligibility")
    counter.office.open()
    counter.office.come(eligibility)
    allow = counter.signed(eligibility)
    counter.office.receive(allow)
    counter.office.come(Place("a1", "agreement"))
    revocation = counter.revocation(allow)
    assert [counter.office.receive(revocation) for _ in range(2)] == [Fate.REVOKES, Fate.KNOWN]
    assert [row.code for row in counter.rows(alerts)] == ["RECALL"]


def test_a_revocation_counts_only_for_the_application_that_it_names(asked: Counter) -> None:
    asked.office.open("a2", "s2")
    allow = asked.signed()
    asked.office.receive(allow)
    elsewhere = replace(asked.verdict(asked.revocation(allow)), application_id="a2")
    assert asked.office.receive(asked.detect.sign(elsewhere)) == Fate.REVOKES_NOTHING
    assert asked.gate().state == "open"


@pytest.mark.parametrize("wrong", [name for name in Misfit if name != Misfit.OTHER_QUESTION])
def test_a_verdict_that_is_wrong_in_one_binding_is_kept_with_what_is_wrong(asked: Counter, wrong: Misfit) -> None:
    asked.at_the_line("a2", "s2")
    forged = asked.detect.sign(rebound(asked, wrong))
    assert asked.office.receive(forged) == wrong
    assert kept(asked, forged) == [wrong]
    assert asked.gate().state == "asked"
    assert asked.answer() == Fate.HEEDED


def rebound(asked: Counter, wrong: Misfit) -> Verdict:
    aim = aim_at(asked, other=Place("a2", "limit_activation"))
    return REBOUND[wrong](allow_for(aim), aim)


def aim_at(asked: Counter, other: Place) -> Aim:
    return Aim(asked.question(), asked.question(other), asked.office.clock.now_ms, Random(1))


def test_a_verdict_on_a_question_that_was_never_asked_is_none(asked: Counter) -> None:
    verdict = replace(verdict_on(asked.question(), "allow", asked.office.clock.now_ms), event_id="unheard-of")
    assert asked.office.receive(asked.detect.sign(verdict)) == Fate.NOT_ASKED


def test_a_verdict_about_no_application_or_about_another_lenders_leaves_no_trace(asked: Counter) -> None:
    n_rows = len(asked.rows(inbox))
    login = replace(verdict_on(asked.question(), "allow", asked.office.clock.now_ms), kind="login")
    for application_id in (None, "a99"):
        record = asked.detect.sign(replace(login, application_id=application_id))
        assert asked.office.receive(record) == Fate.NOT_OURS
    assert len(asked.rows(inbox)) == n_rows


@pytest.mark.parametrize("how", UNVOUCHED)
def test_what_no_trusted_key_vouches_for_leaves_no_trace(asked: Counter, how: str) -> None:
    n_rows = len(asked.rows(inbox))
    forged = UNVOUCHED[how](asked.detect, aim_at(asked, other=Place("a1", "eligibility")))
    assert asked.office.receive(forged) in {Fate.BAD_SIGNATURE, Fate.UNDECODABLE}
    assert (asked.gate().state, len(asked.rows(inbox))) == ("asked", n_rows)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"verdict_id":1}', None])
def test_what_is_no_verdict_is_undecodable(asked: Counter, value: bytes | None) -> None:
    assert asked.office.receive(asked.signed()._replace(value=value)) == Fate.UNDECODABLE


def test_an_allow_is_void_from_the_moment_in_which_it_expires(asked: Counter) -> None:
    record = asked.signed()
    expires_ms = asked.verdict(record).expires_ms
    asked.office.clock.turn(expires_ms - asked.office.clock.now_ms - 1)
    assert asked.office.receive(record) == Misfit.EXPIRED
    other = Place("a1", "fund_transfer", "w2")
    asked.draw(place=other)
    in_time = asked.signed(other)
    asked.office.clock.turn(ALLOW_LASTS_MS - 2)
    assert asked.office.receive(in_time) == Fate.HEEDED
