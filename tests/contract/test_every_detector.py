"""The promises of `menshen.fraud.detector.Detector`, held for every line of the registry."""

import ast
import inspect
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.strategies import bare_events, drawn_sightings, varied

from menshen.contract.assessment import Observed
from menshen.contract.events import FAMILIES
from menshen.fraud import detectors
from menshen.fraud.detector import CERTAIN, MAX_STATE_BYTES, Detector, DetectorState, Reading
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.sighting import SHOWING, Sighting

AnyDetector = Detector[Any]
every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)


@pytest.fixture(scope="module", autouse=True)
def drawn_before() -> None:
    """Draw each family's sightings once: Hypothesis does not like to draw within a draw."""
    for kind in FAMILIES:
        drawn_sightings(kind)


def some_sightings(detector: AnyDetector) -> st.SearchStrategy[Sighting]:
    return st.sampled_from([sighting for kind in detector.listens for sighting in drawn_sightings(kind)])


def histories(detector: AnyDetector) -> st.SearchStrategy[list[Sighting]]:
    return st.lists(some_sightings(detector), max_size=8)


def vouched(sighting: Sighting) -> Sighting:
    """Let somebody vouch for the event, on time: detectors may learn from it."""
    event = replace(sighting.event, assurance="authenticated", occurred_ms=sighting.appended_ms)
    return replace(sighting, event=event)


def readings(detector: AnyDetector, state: DetectorState, history: Iterable[Sighting]) -> list[Reading]:
    given_back = []
    for sighting in history:
        given_back.append(detector.step(state, sighting))
        state = given_back[-1].state
    return given_back


def state_after(detector: AnyDetector, history: Iterable[Sighting]) -> DetectorState:
    return ([Reading(detector.state()), *readings(detector, detector.state(), history)])[-1].state


def grown(detector: AnyDetector, history: list[Sighting]) -> DetectorState:
    """Return a state that has seen the same thing often enough to know it, and then what nobody vouches for."""
    return state_after(detector, [*map(vouched, history * 4), *history])


def doubts(reading: Reading) -> dict[str, int]:
    return {finding.code: finding.doubt_pm for finding in reading.findings}


@every_detector
@settings(max_examples=20)
@given(data=st.data())
def test_a_reading_depends_on_state_and_sighting_alone(detector: AnyDetector, data: st.DataObject) -> None:
    state, sighting = grown(detector, data.draw(histories(detector))), data.draw(some_sightings(detector))
    before = msgspec.msgpack.encode(state)
    first = detector.step(state, sighting)
    assert msgspec.msgpack.encode(state) == before, "the state was changed in place"
    assert detector.step(state, sighting) == first


@every_detector
@settings(max_examples=20)
@given(data=st.data())
def test_a_state_survives_storage(detector: AnyDetector, data: st.DataObject) -> None:
    state = grown(detector, data.draw(histories(detector)))
    packed = msgspec.msgpack.encode(state)
    restored = msgspec.msgpack.decode(packed, type=detector.state)
    assert msgspec.msgpack.encode(restored) == packed
    future = data.draw(histories(detector))
    assert readings(detector, restored, future) == readings(detector, state, future)


@every_detector
@settings(max_examples=20)
@given(data=st.data())
def test_a_state_of_an_earlier_release_still_decodes(detector: AnyDetector, data: st.DataObject) -> None:
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(grown(detector, data.draw(histories(detector)))))
    sighting = data.draw(some_sightings(detector))
    for n_fields in range(len(fields)):
        older = msgspec.msgpack.decode(msgspec.msgpack.encode(fields[:n_fields]), type=detector.state)
        detector.step(older, sighting)


@every_detector
@settings(max_examples=20)
@given(data=st.data())
def test_readings_keep_to_what_the_detector_declares(detector: AnyDetector, data: st.DataObject) -> None:
    history = data.draw(histories(detector))
    for reading in readings(detector, grown(detector, history), history):
        for finding in reading.findings:
            assert finding.code in detector.codes
            assert type(finding.doubt_pm) is int
            assert 1 <= finding.doubt_pm <= CERTAIN
            assert finding.stands_ms >= 0
            assert all(isfinite(figure) for figure in finding.evidence.values())
        features = reading.features or {}
        assert set(features) <= set(detector.features)
        assert all(type(value) is float and isfinite(value) for value in features.values())


@every_detector
def test_the_state_stays_small_whatever_comes(detector: AnyDetector) -> None:
    pool = [sighting for kind in detector.listens for sighting in drawn_sightings(kind)]
    state = detector.state()
    for i in range(2_000):
        state = detector.step(state, varied(pool[i * 7 % len(pool)], i)).state
        assert len(msgspec.msgpack.encode(state)) <= MAX_STATE_BYTES


@every_detector
@settings(max_examples=25)
@given(data=st.data())
def test_what_does_not_teach_never_lessens_a_later_doubt(detector: AnyDetector, data: st.DataObject) -> None:
    """Whoever can only claim to be the subject, or sends late, must not be able to talk a doubt away."""
    base, mixed = data.draw(histories(detector)), data.draw(histories(detector))
    assume(any(not sighting.teaches for sighting in mixed))
    base = [vouched(sighting) for sighting in base * 3]
    probe = data.draw(st.one_of(some_sightings(detector), st.sampled_from([*base, *mixed])))
    without = state_after(detector, [*base, *(sighting for sighting in mixed if sighting.teaches)])
    with_claims = state_after(detector, [*base, *mixed])
    expected = doubts(detector.step(without, probe))
    found = doubts(detector.step(with_claims, probe))
    assert {code: doubt for code, doubt in expected.items() if found.get(code, 0) < doubt} == {}


@every_detector
@settings(max_examples=10)
@given(data=st.data())
def test_a_flood_of_claims_pushes_nothing_out_of_the_memory(detector: AnyDetector, data: st.DataObject) -> None:
    base = [vouched(sighting) for sighting in data.draw(histories(detector)) * 3]
    probe = data.draw(st.one_of(some_sightings(detector), *([st.sampled_from(base)] if base else [])))
    before = state_after(detector, base)
    flooded = [before, *(reading.state for reading in readings(detector, before, _flood(detector)))][-1]
    expected, found = doubts(detector.step(before, probe)), doubts(detector.step(flooded, probe))
    assert {code: doubt for code, doubt in expected.items() if found.get(code, 0) < doubt} == {}


def _flood(detector: AnyDetector) -> list[Sighting]:
    pool = [sighting for kind in detector.listens for sighting in drawn_sightings(kind)]
    fresh = (varied(sighting, i) for i, sighting in enumerate(pool))
    return [replace(sighting, event=replace(sighting.event, assurance="claimed")) for sighting in fresh]


@every_detector
@settings(max_examples=20)
@given(data=st.data())
def test_evidence_that_is_absent_raises_no_doubt(detector: AnyDetector, data: st.DataObject) -> None:
    event = data.draw(bare_events(*detector.listens))
    sighting = Sighting(event, 0, data.draw(st.integers(0, 2**53)), 0, Observed())
    assert detector.step(detector.state(), sighting).findings == ()


@every_detector
def test_a_detector_is_where_its_name_says(detector: AnyDetector) -> None:
    kind = type(detector)
    assert kind.__module__ == f"menshen.fraud.detectors.{detector.layer}.{detector.name}"
    assert kind.__name__ == "".join(word.capitalize() for word in detector.name.split("_"))
    assert set(detector.listens) <= set(FAMILIES)
    assert detector.listens
    assert issubclass(detector.state, DetectorState)


@every_detector
def test_a_detector_says_when_it_must_not_fire(detector: AnyDetector) -> None:
    documentation = inspect.getdoc(type(detector)) or ""
    assert "Must not fire" in documentation
    parameters = set(getattr(detector, "__dataclass_fields__", {})) - {"layer", "listens"}
    assert {name for name in parameters if name not in documentation} == set()


@every_detector
def test_a_detector_imports_no_other(detector: AnyDetector) -> None:
    others = {type(other).__module__ for other in DETECTORS if other is not detector} | {"menshen.fraud.detectors"}
    source = Path(inspect.getfile(type(detector))).read_text(encoding="utf-8")
    assert others & _imported(source) == set()


def _imported(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_names_codes_and_features_are_unique() -> None:
    for each in ("codes", "features"):
        values = [value for detector in DETECTORS for value in getattr(detector, each)]
        assert len(values) == len(set(values)), each
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)


def test_every_detector_file_is_in_the_registry() -> None:
    """A file that defines a detector and is forgotten in the registry never runs."""
    folder = Path(inspect.getfile(detectors)).parent
    files = {path.stem for path in folder.glob("*/*.py") if "DetectorState" in path.read_text(encoding="utf-8")}
    assert files == {detector.name for detector in DETECTORS}


@pytest.mark.parametrize("detector", [d for d in DETECTORS if set(d.listens) - SHOWING], ids=lambda d: d.name)
@settings(max_examples=20)
@given(data=st.data())
def test_counts_weigh_only_at_events_that_are_told_them(detector: AnyDetector, data: st.DataObject) -> None:
    others = [s for kind in detector.listens if kind not in SHOWING for s in drawn_sightings(kind)]
    state, sighting = grown(detector, data.draw(histories(detector))), data.draw(st.sampled_from(others))
    names = [name for name in Observed.__struct_fields__ if "subjects" in name]
    told = [replace(sighting, observed=replace(sighting.observed, **dict.fromkeys(names, n))) for n in (0, 9)]
    assert detector.step(state, told[0]) == detector.step(state, told[1])
