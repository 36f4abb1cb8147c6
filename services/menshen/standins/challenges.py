"""Challenges: one more proof of the person is asked for, and three answers are judged."""

from typing import Literal, Protocol

from msgspec import Struct

from menshen.contract.events import ChallengeMethod, Id

TRIES = 3


class AnotherRequest(Exception):
    """The challenge was issued for something else, and stays as it is. Asking again gets the same answer."""


class NoSuchChallenge(Exception):
    """Nobody has issued this challenge here."""


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is to prove what, on which device."""

    method: ChallengeMethod
    subject_id: Id
    device_id: Id


class Answered(Struct, frozen=True, kw_only=True):
    """What an answer led to. `remaining` further ones will be judged: none after one that passed."""

    outcome: Literal["passed", "failed"]
    remaining: int


class Proof(Protocol):
    """What a subject has or is, and how it is asked for."""

    def ask(self, challenge_id: str, subject_id: str) -> None:
        """Reach out to the subject, once a challenge."""

    def right_answer(self, challenge_id: str, subject_id: str) -> str:
        """Return the answer that passes now."""


class Challenge:
    """One challenge: what was asked for, and how its answers went so far."""

    def __init__(self, request: Request) -> None:
        self.request, self._so_far = request, Answered(outcome="failed", remaining=TRIES)

    @property
    def final(self) -> Answered | None:
        """How it ended, None while answers are still judged."""
        return None if self._so_far.remaining else self._so_far

    def judge(self, *, right: bool) -> Answered:
        """Count one answer, unless the challenge has ended: then return how."""
        if not self.final:
            left = 0 if right else self._so_far.remaining - 1
            self._so_far = Answered(outcome="passed" if right else "failed", remaining=left)
        return self._so_far


class Challenges:
    """The challenges of one method, in memory: a restart forgets them."""

    def __init__(self, method: ChallengeMethod, proof: Proof) -> None:
        self.method, self._proof = method, proof
        self._issued = dict[str, Challenge]()

    def issue(self, challenge_id: str, request: Request) -> bool:
        """Ask for the proof; return False if it is asked for already. Raises `AnotherRequest`."""
        if known := self._issued.get(challenge_id):
            if known.request != request:
                raise AnotherRequest(f"the challenge stands for another request: {known.request}")
            return False
        self._issued[challenge_id] = Challenge(request)
        self._proof.ask(challenge_id, request.subject_id)
        return True

    def find(self, challenge_id: str) -> Challenge:
        """Return a challenge. Raises `NoSuchChallenge`."""
        if challenge := self._issued.get(challenge_id):
            return challenge
        raise NoSuchChallenge(f"no challenge {challenge_id} was issued")

    def answer(self, challenge_id: str, answer: str) -> Answered:
        """Judge an answer; once a challenge has ended, return how. Raises `NoSuchChallenge`."""
        challenge = self.find(challenge_id)
        return challenge.judge(right=answer == self._proof.right_answer(challenge_id, challenge.request.subject_id))
