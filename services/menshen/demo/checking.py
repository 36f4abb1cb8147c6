"""Whether what came is what the story says must come."""

from collections.abc import Iterable, Set

from msgspec import Struct

from menshen.contract.assessment import Assessment, Reason
from menshen.contract.verdict import Verdict
from menshen.demo.story import Expected, Line

NOTHING = "nothing came"


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


class Check(Struct, frozen=True):
    """One expectation, put to the test; both sides in words, what may come or not in brackets."""

    scenario: str
    played: Played
    expected: str
    got: str
    held: bool


def check(scenario: str, played: Iterable[Played]) -> tuple[Check, ...]:
    """Return one check for each line that expects something."""
    return tuple(_check(scenario, one) for one in played if one.line.expected is not None)


def _check(scenario: str, played: Played) -> Check:
    expected = played.line.expected
    if isinstance(expected, Expected):
        agreed, words = _agrees(expected, played.verdict), _in_words(expected.decision, expected.codes)
        return Check(scenario, played, words, _got(played, expected.also - expected.codes), agreed)
    return Check(scenario, played, str(expected), _got(played), played.rejection == expected)


def _agrees(expected: Expected, verdict: Verdict | None) -> bool:
    if verdict is None or verdict.degraded or verdict.decision != expected.decision:
        return False
    codes = {reason.code for reason in verdict.reasons}
    return expected.codes <= codes <= expected.codes | expected.also


def _got(played: Played, optional: Set[str] = frozenset()) -> str:
    if not played.answered:
        return NOTHING
    codes = {reason.code for reason in played.reasons}
    degraded = ["degraded"] if played.verdict and played.verdict.degraded else []
    return " ".join([_in_words(played.outcome, codes - optional), *_in_brackets(codes & optional), *degraded])


def _in_words(outcome: str, codes: Set[str]) -> str:
    return " ".join([outcome, *sorted(codes)])


def _in_brackets(codes: Set[str]) -> list[str]:
    return [f"({' '.join(sorted(codes))})"] if codes else []
