"""A story as it will stand in the log: records with the clock of the story, and what must come of each."""

from msgspec import Struct
from msgspec.structs import replace

from menshen.contract.dead_letter import RejectReason
from menshen.contract.events import Checkpoint, Event, Login
from menshen.contract.verdict import Decision
from menshen.fraud.policy import ANOMALY, LEARNED_CODES

MINUTE_MS, DAY_MS = 60_000, 86_400_000
UTC_OFFSET_MS = 8 * 60 * MINUTE_MS
N_DAYS = 15
"""No story runs longer."""


class Expected(Struct, frozen=True):
    """What a verdict must be: exactly this decision and these reasons.

    `also` may come with them, or may not. `telling` marks what the story is about; the rest leads up to it.
    """

    decision: Decision
    codes: frozenset[str]
    also: frozenset[str]
    telling: bool = True


QUIET = Expected("allow", frozenset(), frozenset({ANOMALY}), telling=False)
"""Go on, and nothing against it; that an honest visit looks odd may be said, it weighs next to nothing."""
ALLOWED = replace(QUIET, telling=True)
"""The same, where the story is about just that."""


def expect(decision: Decision, *codes: str) -> Expected:
    """Return the expectation of a decision for these reasons; the learned score may have its say too."""
    return Expected(decision, frozenset(codes), frozenset(LEARNED_CODES))


class Line(Struct, frozen=True):
    """One record of the story.

    `event` is None where the bytes are none. `expected` is what must come of it; None: it is played, not checked.
    """

    appended_ms: int
    subject_id: str
    session_id: str
    value: bytes
    event: Event | None = None
    expected: Expected | RejectReason | None = None

    @property
    def telling(self) -> bool:
        """Say whether the story is about this record."""
        return isinstance(self.expected, RejectReason) or (self.expected is not None and self.expected.telling)

    @property
    def answered_by_verdict(self) -> bool:
        """Say whether a verdict must come, and not only an assessment."""
        return isinstance(self.event, Login | Checkpoint)

    @property
    def what(self) -> str:
        """Name the event for people."""
        match self.event:
            case None:
                return "not an event"
            case Login(outcome=outcome):
                return f"login {outcome}"
            case Checkpoint(step=step, attempt=attempt):
                return step if attempt == 1 else f"{step}, attempt {attempt}"
        return str(self.event.__struct_config__.tag)


def clock_of(first_midnight_ms: int, moment_ms: int) -> str:
    """Return a time of the story for people."""
    day, minute = divmod((moment_ms - first_midnight_ms) // MINUTE_MS, 24 * 60)
    return f"day {day:2}, {minute // 60:02}:{minute % 60:02}"


class Story:
    """Collects the lines of one scenario; its days are counted from a midnight in China."""

    def __init__(self, name: str, first_midnight_ms: int) -> None:
        self.name = name
        self.lines = list[Line]()
        self._first_midnight_ms = first_midnight_ms

    def moment_ms(self, day: int, clock: str) -> int:
        """Return the time of a day of the story, 0 to `N_DAYS` - 1, and an hour like "21:30"."""
        hours, minutes = clock.split(":")
        return self._first_midnight_ms + day * DAY_MS + (60 * int(hours) + int(minutes)) * MINUTE_MS


def first_midnight_ms(now_ms: int) -> int:
    """Return when the stories begin: a midnight in China, so long ago that all of them are over."""
    return (now_ms + UTC_OFFSET_MS) // DAY_MS * DAY_MS - UTC_OFFSET_MS - N_DAYS * DAY_MS
