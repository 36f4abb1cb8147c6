"""What the step promises of every history: nobody's memory, batch or claim changes an answer for the better."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.strategies import drawn_sightings
from tests.unit.fraud.story import FAMILIES as SENT
from tests.unit.fraud.story import TRANSFER, flat_model, policy_with, rules

from menshen.contract.assessment import Assessment, Observed
from menshen.contract.events import FAMILIES, Challenge, Checkpoint, Device, Envelope, Event, Location, Login, Override
from menshen.contract.verdict import BOUND, SEVERITY, Verdict
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules, step, step_all
from menshen.fraud.subject import NOBODY, Subject, pack, unpack

pytestmark = pytest.mark.slow

RULES = rules()
SEVERE = policy_with(weights=dict.fromkeys(RULES.policy.weights, 1000))
STRICT = rules(policy=SEVERE)
DEGRADED = rules(policy=SEVERE, model=None)
UNSCORABLE = rules(policy=SEVERE, model=flat_model(0.01, n_inputs=1))
START_MS = 1_700_020_800_000
FREQUENT: tuple[type[Envelope], ...] = (Login, Device, Location, Checkpoint, Challenge, Override)
"""What most of a visit consists of, and what people decide about it: drawn more often than the rest."""


@pytest.fixture(scope="module", autouse=True)
def drawn_before() -> None:
    """Draw each family's sightings once: Hypothesis does not like to draw within a draw."""
    for kind in FAMILIES:
        drawn_sightings(kind)


class Line(NamedTuple):
    """One event of a history, as Hypothesis draws it; `which` is None for what an honest customer sends."""

    family: type[Envelope]
    which: int | None
    session: str
    device: str | None
    assurance: str
    gap_ms: int
    late: bool
    crowd: int


lines = st.builds(
    Line,
    family=st.one_of(st.sampled_from(FREQUENT), st.sampled_from(FAMILIES)),
    which=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 59)),
    session=st.sampled_from(("v1", "v2")),
    device=st.sampled_from(("d1", "d1", "d1", "d2", None)),
    assurance=st.sampled_from(("authenticated", "authenticated", "person", "claimed")),
    gap_ms=st.sampled_from((0, 1_000, 30_000, 400_000, 4_000_000)),
    late=st.sampled_from((False, False, False, True)),
    crowd=st.sampled_from((0, 0, 0, 1, 4, 5, 6)),
)
histories = st.lists(lines, min_size=1, max_size=14)
undisputed = lines.filter(lambda line: line.family is not Override)
"""Without what people decide: they do so by what they see, and would have seen something else."""
vouched = undisputed.map(lambda line: line._replace(assurance="authenticated", late=False))


def told(history: Iterable[Line], names: str = "e", at_ms: int = START_MS) -> list[Sighting]:
    """Return the history as one subject's log."""
    log: list[Sighting] = []
    for i, line in enumerate(history):
        at_ms += line.gap_ms
        event = _placed(_honest(line) or _any(line), line, f"{names}{i}", at_ms)
        log.append(Sighting(event, i, at_ms, i, Observed(device_subjects_1h=line.crowd)))
    return log


def _any(line: Line) -> Event:
    pool = drawn_sightings(line.family)
    return pool[(line.which or 0) % len(pool)].event


def _honest(line: Line) -> Event | None:
    if line.which is not None or line.family not in SENT:
        return None
    envelope = dict.fromkeys(("event_id", "subject_id", "session_id", "assurance", "product_id"), "claimed")
    times = dict.fromkeys(("seq", "occurred_ms", "received_ms"), 0)
    asked = TRANSFER if line.session == "v1" else {"step": "eligibility"}
    more = {"device_id": "d1", **asked} if line.family in (Checkpoint, Override) else {}
    return line.family(**envelope, **times, **{**SENT[line.family], **more})


def _placed(event: Event, line: Line, event_id: str, at_ms: int) -> Event:
    fields: dict[str, Any] = {"event_id": event_id, "subject_id": "s1", "session_id": line.session}
    fields |= {"assurance": line.assurance, "occurred_ms": at_ms - (400_000 if line.late else 0)}
    fields["device_id"] = "d1" if isinstance(event, Checkpoint | Override) and line.device is None else line.device
    if isinstance(event, Checkpoint | Override):
        fields |= {"application_id": "a1", "attempt": 1 + event.attempt % 2, "draw_id": event.draw_id and "w1"}
    return replace(event, **fields)


def judged(
    log: Iterable[Sighting], by: Rules = RULES, keep: Callable[[Subject], Subject] = lambda s: s
) -> list[Outcome]:
    """Step through a log; `keep` is what becomes of the subject between two events."""
    outcomes, subject = [], NOBODY
    for sighting in log:
        outcomes.append(step(keep(subject), sighting, by))
        subject = outcomes[-1].subject
    return outcomes


def records(outcome: Outcome) -> bytes:
    return msgspec.json.encode((outcome.assessment, outcome.verdicts, outcome.rejection))


def answers(outcomes: Iterable[Outcome]) -> dict[str, Verdict]:
    """Return the answers, revocations aside, by the event that they answer."""
    return {v.event_id: v for outcome in outcomes for v in outcome.verdicts if v.kind != "revoke"}


def milder(one: dict[str, Verdict], other: dict[str, Verdict]) -> set[str]:
    """Return the events of `one` that `other` answers more mildly, with a lower score or with less missing."""
    return {event_id for event_id, verdict in one.items() if _milder(verdict, other[event_id])}


def _milder(one: Verdict, other: Verdict) -> bool:
    graver = SEVERITY[other.decision] >= SEVERITY[one.decision] and other.score >= one.score
    return not (graver and set(other.missing) >= set(one.missing))


@settings(max_examples=150)
@given(history=histories, cuts=st.sets(st.integers(0, 13)))
def test_no_cut_of_the_batches_and_no_loss_of_memory_changes_a_record(history: list[Line], cuts: set[int]) -> None:
    log = told(history)
    whole = judged(log)
    count = iter(range(len(log)))
    cut = judged(log, keep=lambda subject: unpack(pack(subject)) if next(count) in cuts else subject)
    always = judged(log, keep=lambda subject: unpack(pack(subject)))
    assert [records(o) for o in whole] == [records(o) for o in cut] == [records(o) for o in always]
    assert pack(whole[-1].subject) == pack(cut[-1].subject) == pack(always[-1].subject)


@settings(max_examples=60)
@given(several=st.lists(histories, min_size=2, max_size=4), by=st.sampled_from((RULES, STRICT, DEGRADED)))
def test_side_by_side_everybody_is_judged_as_alone(several: list[list[Line]], by: Rules) -> None:
    logs = [_of_subject(f"s{n}", told(history)) for n, history in enumerate(several)]
    alone = [judged(log, by) for log in logs]
    together: list[list[Outcome]] = [[] for _ in logs]
    for turn in range(max(map(len, logs))):
        there = [n for n, log in enumerate(logs) if turn < len(log)]
        due = [(together[n][-1].subject if turn else NOBODY, logs[n][turn]) for n in there]
        for n, outcome in zip(there, step_all(due, by), strict=True):
            together[n].append(outcome)
    assert [[records(o) for o in one] for one in together] == [[records(o) for o in one] for one in alone]
    assert [pack(one[-1].subject) for one in together] == [pack(one[-1].subject) for one in alone]


def _of_subject(name: str, log: list[Sighting]) -> list[Sighting]:
    return [replace(sighting, event=replace(sighting.event, subject_id=name)) for sighting in log]


@settings(max_examples=40)
@given(history=histories)
def test_the_same_log_gives_the_same_records_and_changes_nothing_in_place(history: list[Line]) -> None:
    log, subject = told(history), NOBODY
    for sighting in log:
        before = pack(subject)
        one, other = step(subject, sighting, RULES), step(subject, sighting, RULES)
        assert pack(subject) == before
        assert (records(one), pack(one.subject)) == (records(other), pack(other.subject))
        subject = one.subject


@settings(max_examples=80)
@given(history=histories, data=st.data())
def test_duplicates_anywhere_change_nothing_and_produce_nothing(history: list[Line], data: st.DataObject) -> None:
    log, repeated = told(history), list[Sighting]()
    for i, sighting in enumerate(log):
        repeated.append(sighting)
        again = data.draw(st.sampled_from(log[: i + 1]))
        repeated.append(replace(again, offset=1000 + i, appended_ms=sighting.appended_ms))
    plain, with_duplicates = judged(log), judged(repeated)
    assert [records(o) for o in with_duplicates[::2]] == [records(o) for o in plain]
    assert {records(o) for o in with_duplicates[1::2]} == {b"[null,[],null]"}
    assert pack(with_duplicates[-1].subject) == pack(plain[-1].subject)


@settings(max_examples=100)
@given(history=histories)
def test_each_decision_point_has_one_answer_bound_to_its_question(history: list[Line]) -> None:
    log = told(history)
    for sighting, outcome in zip(log, judged(log), strict=True):
        event = sighting.event
        given_back = [verdict for verdict in outcome.verdicts if verdict.kind != "revoke"]
        assert [v.event_id for v in given_back] == [event.event_id] * isinstance(event, Login | Checkpoint)
        for verdict in given_back:
            asked = {field: getattr(event, field, None) for field in BOUND} | {
                "amount_max": getattr(event, "amount", None)
            }
            if verdict.kind == "login":
                asked = dict.fromkeys(BOUND) | {"session_id": event.session_id, "device_id": event.device_id}
            assert {field: getattr(verdict, field) for field in BOUND} == asked
            assert verdict.decided_ms == sighting.appended_ms < verdict.expires_ms


@settings(max_examples=60)
@given(history=histories, by=st.sampled_from((RULES, STRICT, DEGRADED)))
def test_every_record_survives_the_wire_and_its_score_is_the_sum_of_its_reasons(history: list[Line], by: Rules) -> None:
    for outcome in judged(told(history), by):
        assert outcome.assessment is not None
        wire = msgspec.json.encode(outcome.assessment)
        assert msgspec.json.decode(wire, type=Assessment) == outcome.assessment
        for verdict in outcome.verdicts:
            assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
        for record in (outcome.assessment, *outcome.verdicts):
            points = [reason.points for reason in record.reasons]
            assert record.score == min(1000, sum(points))
            assert points == sorted(points, reverse=True)
            assert all(type(n) is int for n in (record.score, *points))


@settings(max_examples=60)
@given(history=st.lists(undisputed, min_size=1, max_size=14), by=st.sampled_from((DEGRADED, UNSCORABLE)))
def test_only_people_block_while_the_model_is_out_of_order(history: list[Line], by: Rules) -> None:
    given_back = answers(judged(told(history), by)).values()
    assert all(verdict.degraded and verdict.decision != "block" for verdict in given_back)


@settings(max_examples=120)
@given(history=histories)
def test_within_an_attempt_severity_only_rises(history: list[Line]) -> None:
    gravest: dict[tuple[Any, ...], int] = {}
    for verdict in answers(judged(told(history))).values():
        attempt = (verdict.application_id, verdict.step, verdict.attempt, verdict.draw_id)
        if verdict.kind == "gate":
            assert SEVERITY[verdict.decision] >= gravest.get(attempt, 0)
            gravest[attempt] = SEVERITY[verdict.decision]


@settings(max_examples=120)
@given(history=histories)
def test_an_allow_is_taken_back_at_most_once_while_it_is_open_and_by_no_claim(history: list[Line]) -> None:
    log, allows = told(history), dict[str, Verdict]()
    for sighting, outcome in zip(log, judged(log), strict=True):
        for verdict in outcome.verdicts:
            if verdict.kind == "revoke":
                allow = allows.pop(verdict.revokes or "")
                assert sighting.event.assurance != "claimed"
                assert verdict.decision in ("review", "block")
                assert verdict.decided_ms < allow.expires_ms == verdict.expires_ms
                named = ("application_id", "step", "attempt", "draw_id")
                assert all(getattr(verdict, field) == getattr(allow, field) for field in named)
            elif verdict.decision == "allow" and verdict.kind == "gate":
                assert sighting.event.assurance != "claimed"
                allows[verdict.verdict_id] = verdict


@settings(max_examples=120)
@given(history=st.lists(vouched, min_size=1, max_size=9), data=st.data())
def test_a_claim_never_makes_an_answer_milder(history: list[Line], data: st.DataObject) -> None:
    """Neither in a session of its own, nor in one that somebody vouches for."""
    own = data.draw(st.lists(lines, min_size=1, max_size=6))
    claims = [line._replace(assurance="claimed", session=f"x{i % 2}") for i, line in enumerate(own)]
    inside = [line._replace(assurance="claimed", session="v1") for line in own]
    log = told([history[0]._replace(family=Login, session="v1"), *history])
    intruding = data.draw(st.sampled_from((claims, inside)))
    assert milder(answers(judged(log)), answers(judged(mixed(log, intruding, data)))) == set()


@settings(max_examples=120)
@given(
    history=st.lists(undisputed, min_size=1, max_size=9), late=st.lists(lines, min_size=1, max_size=6), data=st.data()
)
def test_what_comes_late_never_makes_an_answer_milder(
    history: list[Line], late: list[Line], data: st.DataObject
) -> None:
    log, late = told(history), [line._replace(late=True) for line in late]
    assert milder(answers(judged(log)), answers(judged(mixed(log, late, data)))) == set()


def mixed(log: Sequence[Sighting], others: Sequence[Line], data: st.DataObject) -> list[Sighting]:
    """Put other events in among those of a log, after the first, each at the time of the one before it."""
    mixture = list(log)
    for i, line in enumerate(others):
        at = data.draw(st.integers(1, len(mixture)))
        mixture.insert(at, told([line._replace(gap_ms=0)], f"other{i}-", mixture[at - 1].appended_ms)[0])
    return mixture


@settings(max_examples=25)
@given(history=st.lists(lines, min_size=8, max_size=14))
def test_the_blob_stays_small_whatever_comes(history: list[Line]) -> None:
    subject = NOBODY
    for turn in range(8):
        for sighting in told(history, f"t{turn}-", START_MS + turn * 60_000):
            sessions = replace(sighting.event, session_id=f"{sighting.event.session_id}-{turn % 5}")
            subject = step(subject, replace(sighting, event=sessions), RULES).subject
    assert len(pack(subject)) <= 4096
