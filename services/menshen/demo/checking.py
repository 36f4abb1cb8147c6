"""Whether what came is what the story says must come."""

from collections.abc import Iterable, Sequence, Set
from typing import Protocol

from msgspec import Struct

from menshen.contract.assessment import Assessment, Reason
from menshen.contract.verdict import Decision, Verdict
from menshen.demo.story import Expected, Line

NOTHING = "nothing came"


class Row(Struct, frozen=True):
    """What is shown of one thing that happened, and when by the story's clock.

    `telling` marks what the story is about; `kept` rows stay on the screen when it is over.
    """

    at_ms: int
    what: str
    outcome: str = ""
    score: int | None = None
    reasons: tuple[Reason, ...] = ()
    telling: bool = True
    kept: bool = True
    event_id: str | None = None


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


class Decided(Protocol):
    """A decision, wherever it was read."""

    @property
    def decision(self) -> Decision:
        """What may happen."""

    @property
    def degraded(self) -> bool:
        """Whether a part was out of order."""

    @property
    def reasons(self) -> Sequence[_Coded]:
        """What is held against it."""


class Played(Struct, frozen=True):
    """A record of the story, and all that came of it."""

    line: Line
    assessment: Assessment | None = None
    verdict: Verdict | None = None
    rejection: str | None = None

    @property
    def answered(self) -> bool:
        """Say whether all came that has to come."""
        if self.rejection is not None:
            return True
        return self.assessment is not None and (self.verdict is not None or not self.line.answered_by_verdict)

    @property
    def outcome(self) -> str:
        """What became of it, in one word: the decision, or the reason for which it is a dead letter."""
        return self.verdict.decision if self.verdict else self.rejection or ""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What is held against it."""
        source = self.verdict or self.assessment
        return source.reasons if source else ()

    @property
    def row(self) -> Row:
        """What is shown of it."""
        line, scored = self.line, self.verdict or self.assessment
        return Row(
            line.appended_ms,
            line.what,
            self.outcome,
            scored.score if scored else None,
            self.reasons,
            telling=line.telling,
            kept=line.telling or (bool(self.reasons) and line.expected is None),
            event_id=line.event.event_id if line.event else None,
        )


class Check(Struct, frozen=True):
    """One expectation, put to the test; both sides in words, what may come or not in brackets."""

    scenario: str
    row: Row
    expected: str
    got: str
    held: bool


def check(scenario: str, played: Iterable[Played]) -> tuple[Check, ...]:
    """Return one check for each line that expects something."""
    return tuple(_check(scenario, one) for one in played if one.line.expected is not None)


def _check(scenario: str, played: Played) -> Check:
    expected = played.line.expected
    if not isinstance(expected, Expected):
        return Check(scenario, played.row, str(expected), _got(played), played.rejection == expected)
    got = _got(played, expected.also - expected.codes)
    return Check(scenario, played.row, wanted(expected), got, agrees(expected, played.verdict))


def agrees(expected: Expected, verdict: Decided | None) -> bool:
    """Say whether a decision is the expected one, for the expected reasons."""
    if verdict is None or verdict.degraded or verdict.decision != expected.decision:
        return False
    codes = {reason.code for reason in verdict.reasons}
    return expected.codes <= codes <= expected.codes | expected.also


def wanted(expected: Expected) -> str:
    """Return an expectation in words."""
    return _in_words(expected.decision, expected.codes)


def found(verdict: Decided, optional: Set[str] = frozenset()) -> str:
    """Return a decision in words; reasons that may come or not stand in brackets."""
    codes = {reason.code for reason in verdict.reasons}
    degraded = ["degraded"] if verdict.degraded else []
    return " ".join([_in_words(verdict.decision, codes - optional), *_in_brackets(codes & optional), *degraded])


def _got(played: Played, optional: Set[str] = frozenset()) -> str:
    if not played.answered:
        return NOTHING
    if played.verdict:
        return found(played.verdict, optional)
    return _in_words(played.outcome, {reason.code for reason in played.reasons})


def _in_words(outcome: str, codes: Set[str]) -> str:
    return " ".join([outcome, *sorted(codes)])


def _in_brackets(codes: Set[str]) -> list[str]:
    return [f"({' '.join(sorted(codes))})"] if codes else []
