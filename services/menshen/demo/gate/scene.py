"""A story while it is played: real events, the real API, and what has to come of them."""

import time
from collections.abc import Callable
from typing import NamedTuple

from menshen.contract.assessment import Reason
from menshen.demo.checking import NOTHING, Check, Row, agrees, check, found, wanted
from menshen.demo.gate.lender import Lender, Reply
from menshen.demo.player import Player
from menshen.demo.stage import Stage
from menshen.demo.story import Expected, Story
from menshen.onboard.api.told import GateTold

PATIENCE_S = 15.0
"""How long what is expected may take."""
LOOK_EVERY_S = 0.05


class FellShort(Exception):
    """Something else came than the story says: there is no going on from there."""


class Seen(NamedTuple):
    """What is there, beside what was expected."""

    held: bool
    got: str
    outcome: str
    score: int | None = None
    reasons: tuple[Reason, ...] = ()


class Payment(NamedTuple):
    """Money that has to move."""

    application_id: str
    draw_id: str
    payee_ref: str
    amount: str


class Theatre(NamedTuple):
    """Where stories are played. `look_after` keeps the processes running."""

    player: Player
    lender: Lender
    look_after: Callable[[], None]
    stage: Stage


class Scene:
    """One story. `checks` are its expectations so far, `payments` the money that has to move, in order."""

    def __init__(self, story: Story, theatre: Theatre) -> None:
        self.story, self.player, self.lender = story, theatre.player, theatre.lender
        self.checks, self.payments, self.n_records = list[Check](), list[Payment](), 0
        self._theatre = theatre

    def send(self) -> None:
        """Send what customers' devices have said since, and wait for what comes of it."""
        lines, self.story.lines = self.story.lines, []
        played = []
        for one in self.player.play(lines):
            self._theatre.stage.show(one.row)
            self._theatre.look_after()
            played.append(one)
        self.n_records += len(played)
        self.checks += check(self.story.name, played)

    def expect(self, what: str, expected: str, look: Callable[[], Seen], *, telling: bool = True) -> None:
        """Look until what is expected is there; raise `FellShort` if it does not come."""
        until_s = time.monotonic() + PATIENCE_S
        while not (seen := look()).held and time.monotonic() < until_s:
            self._theatre.look_after()
            time.sleep(LOOK_EVERY_S)
        self._conclude(what, expected, seen, telling=telling)

    def expect_words(self, what: str, expected: str, look: Callable[[], str]) -> None:
        """Look until the very words are there; raise `FellShort` if they do not come."""

        def seen() -> Seen:
            got = look()
            return Seen(got == expected, got or NOTHING, got)

        self.expect(what, expected, seen)

    def expect_reply(self, what: str, expected: str, reply: Reply) -> None:
        """Hold what a call was answered against what the story says; raise `FellShort` if it is something else."""
        self._conclude(what, expected, Seen(reply.in_words == expected, reply.in_words, reply.in_words))

    def taken(self, what: str, reply: Reply) -> None:
        """Go on if a call was taken; raise `FellShort` otherwise."""
        if reply.status >= 400:
            self._conclude(what, "taken", Seen(held=False, got=reply.in_words, outcome=reply.in_words))

    def _conclude(self, what: str, expected: str, seen: Seen, *, telling: bool = True) -> None:
        row = Row(now_ms(), what, seen.outcome, seen.score, seen.reasons, telling=telling, kept=telling)
        self._theatre.stage.show(row)
        self.checks.append(Check(self.story.name, row, expected, seen.got, seen.held))
        if not seen.held:
            raise FellShort


def standing_in_words(state: str, expected: Expected) -> str:
    """Return how a gate has to stand."""
    return f"{state}, {wanted(expected)}"


def standing(gate: GateTold, state: str, expected: Expected) -> Seen:
    """Hold a gate's state and its newest verdict against what the story says."""
    verdict = gate.verdict
    held = gate.state == state and agrees(expected, verdict)
    if verdict is None:
        return Seen(held, gate.state, gate.state)
    reasons = tuple(Reason(code=r.code, points=r.points, evidence=r.evidence) for r in verdict.reasons)
    got = f"{gate.state}, {found(verdict, expected.also - expected.codes)}"
    return Seen(held, got, gate.state, verdict.score, reasons)


def now_ms() -> int:
    """Return the time; the embedded broker's clock is this one's."""
    return time.time_ns() // 1_000_000
