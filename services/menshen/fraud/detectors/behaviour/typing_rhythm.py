"""Does this subject type as he always did?"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from msgspec import Struct

from menshen.contract.events import Envelope, Keystroke
from menshen.fraud.detector import CERTAIN, DetectorState, Finding, Layer, Reading
from menshen.fraud.detectors.behaviour.by_hand import typed_by_hand
from menshen.fraud.maths.robust import midmean
from menshen.fraud.maths.template import Cell, Pace, cell_of, distances, first_cell, moved, with_cells
from menshen.fraud.sighting import Sighting

KINDS = ("l", "d", "s", "b", "o", "ll", "dd", "ls", "sl", "?d", "?b", "b?", "??")
"""What is measured: how long each key class is held, then the flight from class to class, with rare pairs together."""
KINDS_OF_KEYS = range(KINDS.index("ll"))
"""Those of the holds, of which there is one a key."""
USUAL_SPREAD = {1: 200, 2: 600}
"""Mean deviation of a hold and of a flight time in people at large, in 0.1 ms."""
PAUSE_MS = 1500
"""A longer gap is thinking, not rhythm."""
LONG_HOLD_MS = 1000
BETWEEN_VISITS = 0.1
"""How far one person's visits lie apart: variance of their centres, in squared spreads."""
LARGEST_PART = 4.0
"""What one kind may add to the distance: one stumble does not make a stranger."""

PACE = Pace()

Seen = tuple[int, list[int], float, Cell | None]
"""A kind in a visit: its number, its times in 0.1 ms, their midmean, and what the template knows of it."""


class Template(Struct, frozen=True, gc=False, array_like=True):
    """How a subject types on one sort of keyboard: packed cells, and how much they rest on."""

    cells: bytes = b""
    n_visits: int = 0
    n_keys: int = 0


class TypingRhythmState(DetectorState, frozen=True, gc=False, array_like=True):
    """A template for keys and one for glass: few people type alike on both."""

    physical: Template = Template()
    touch: Template = Template()


class Comparison(Struct, frozen=True, gc=False):
    """How far a visit lies from the template; a distance of 1 is what the subject's own visits show."""

    distance: float
    n_keys: int

    @property
    def excess(self) -> float:
        """How far beyond usual; few keys count for less. 99 of 100 honest visits stay below 4."""
        return (self.distance - 1) * sqrt(self.n_keys)


@dataclass(frozen=True, slots=True)
class TypingRhythm:
    """Doubt typing whose rhythm is not the subject's own.

    Compares the usual hold and flight time of each kind of key, and how much they scatter, with the subject's own
    template. Fires when they lie further off than the subject's visits usually do. Must not fire before the template
    rests on enough visits and keys, for a short visit, for kinds of keys that are new for the subject, nor for typing
    that is not by hand: pasted, filled in, composed, dictated or with an aid.

    It learns from visits that teach and that it does not doubt, a little from each, and within bounds (`Pace`).

    Parameters
    ----------
    least_visits, least_keys : int
        What the template must rest on before it judges. 3 and 60.
    least_values : int
        How many keys or pairs of one kind its cell must rest on before it counts. 12.
    shortest_visit : int
        Visits with fewer comparable keys say nothing. 8.
    tolerated : float
        Excess (see `Comparison`) up to which nothing is doubted; larger is milder. 4.
    certain : float
        Excess at which the doubt is full. 14.
    stands_ms : int
        How long a doubt weighs on the session. 30 minutes.
    pace : Pace
        How fast and how far the template follows the subject.

    References
    ----------
    Killourhy, K. S., Maxion, R. A. (2009), Comparing anomaly-detection algorithms for keystroke dynamics, DSN 2009: the
    scaled Manhattan distance, here over kinds of keys instead of the places of a fixed text.
    """

    least_visits: int = 3
    least_keys: int = 60
    least_values: int = 12
    shortest_visit: int = 8
    tolerated: float = 4.0
    certain: float = 14.0
    stands_ms: int = 30 * 60_000
    pace: Pace = PACE

    name = "typing_rhythm"
    layer: ClassVar[Layer] = "behaviour"
    codes = ("TYPING_MISMATCH",)
    features = ("typing_distance",)
    listens: ClassVar[tuple[type[Envelope], ...]] = (Keystroke,)
    state = TypingRhythmState

    def step(self, state: TypingRhythmState, sighting: Sighting, /) -> Reading:
        """Compare a visit with the template of its keyboard; then learn from it where that is allowed."""
        visit = sighting.event
        if not typed_by_hand(visit) or len(visit.hold_ms) < self.shortest_visit:
            return Reading(state)
        touch = visit.input_method == "soft_keyboard"
        template = state.touch if touch else state.physical
        enrolled, teaches = self._enrolled(template), sighting.teaches
        if not enrolled and not teaches:
            return Reading(state)
        kinds = _seen(visit, template.cells)
        comparison = self._compare(kinds) if enrolled else None
        findings = self._doubts(comparison) if comparison else ()
        features = {"typing_distance": comparison.distance} if comparison else None
        if teaches and not findings:
            learned = self._learn(template, kinds, judged=comparison is not None)
            state = TypingRhythmState(state.physical, learned) if touch else TypingRhythmState(learned, state.touch)
        return Reading(state, findings, features)

    def _compare(self, kinds: list[Seen]) -> Comparison | None:
        n_keys, seen, usual = 0, 0.0, 0.0
        for kind, values, middle, cell in kinds:
            if cell is None or not self._settled(cell):
                continue
            parts, part_sum, n = distances(cell, values, middle, least_spread=30, softening=100), 0.0, len(values)
            for part in parts:
                part_sum += part if part < LARGEST_PART else LARGEST_PART
            seen += sqrt(n) * part_sum
            usual += sqrt(1 + BETWEEN_VISITS * n) * len(parts)
            n_keys += n if kind in KINDS_OF_KEYS else 0
        return Comparison(seen / usual, n_keys) if n_keys >= self.shortest_visit else None

    def _doubts(self, comparison: Comparison) -> tuple[Finding, ...]:
        beyond = (comparison.excess - self.tolerated) / (self.certain - self.tolerated)
        doubt_pm = min(CERTAIN, int(CERTAIN * beyond))
        if doubt_pm < 1:
            return ()
        evidence = {"distance": round(comparison.distance, 2), "n_keys": float(comparison.n_keys)}
        return (Finding("TYPING_MISMATCH", doubt_pm, self.stands_ms, evidence),)

    def _learn(self, template: Template, kinds: list[Seen], *, judged: bool) -> Template:
        """Move the cells; a visit that could not be judged by an enrolled template moves only cells still open."""
        free, after, n_keys = judged or not self._enrolled(template), list[Cell](), template.n_keys
        for kind, values, middle, cell in kinds:
            before = cell or first_cell(kind, middle, USUAL_SPREAD[len(KINDS[kind])])
            if free or not self._settled(before):
                after.append(moved(before, values, middle, self.pace))
            n_keys += len(values) if kind in KINDS_OF_KEYS else 0
        n_visits = min(self.least_visits, template.n_visits + 1)
        return Template(with_cells(template.cells, after), n_visits, min(self.least_keys, n_keys))

    def _enrolled(self, template: Template) -> bool:
        return template.n_visits >= self.least_visits and template.n_keys >= self.least_keys

    def _settled(self, cell: Cell) -> bool:
        return cell.n_visits >= self.least_visits and cell.n_values >= self.least_values


def _kind_of_pair(pair: str) -> str:
    if pair in KINDS:
        return pair
    if "b" in pair:
        return "?b" if pair[1] == "b" else "b?"
    return "?d" if "d" in pair else "??"


KIND_OF_KEY = {key: KINDS.index(key) for key in "ldsbo"}
KIND_OF_PAIR = {a: {b: KINDS.index(_kind_of_pair(a + b)) for b in KIND_OF_KEY} for a in KIND_OF_KEY}
KIND_OF_PAIR["b"]["b"] = NO_KIND = -1
"""Two backspaces have none: they may be one held key."""


def _seen(visit: Keystroke, cells: bytes) -> list[Seen]:
    return [(kind, values, midmean(values), cell_of(cells, kind)) for kind, values in _timings(visit).items()]


def _timings(visit: Keystroke) -> Mapping[int, list[int]]:
    """Sort a visit's times by kind, in 0.1 ms and without pauses."""
    classes, first, timings = visit.classes, visit.classes[:1], defaultdict[int, list[int]](list)
    if classes.count(first) == len(classes):
        return _timings_of_one(first, visit)
    for key, hold_ms in zip(classes, visit.hold_ms, strict=True):
        timings[KIND_OF_KEY[key]].append(10 * hold_ms if hold_ms < LONG_HOLD_MS else 10 * LONG_HOLD_MS)
    for key, after, flight_ms in zip(classes, classes[1:], visit.flight_ms, strict=False):
        if -PAUSE_MS < flight_ms < PAUSE_MS:
            timings[KIND_OF_PAIR[key][after]].append(10 * flight_ms)
    timings.pop(NO_KIND, None)
    return timings


def _timings_of_one(key: str, visit: Keystroke) -> Mapping[int, list[int]]:
    """Do the same where all keys are of one class, as in most fields: there is nothing to sort."""
    holds = [10 * hold_ms if hold_ms < LONG_HOLD_MS else 10 * LONG_HOLD_MS for hold_ms in visit.hold_ms]
    flights = [10 * flight_ms for flight_ms in visit.flight_ms if -PAUSE_MS < flight_ms < PAUSE_MS]
    timings = {KIND_OF_KEY[key]: holds}
    if flights and key != "b":
        timings[KIND_OF_PAIR[key][key]] = flights
    return timings
