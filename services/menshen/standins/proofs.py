"""What subjects prove themselves with: the code that came to the phone, the face in front of the camera."""

import secrets

from msgspec import Struct

CODE_DIGITS = 6


class Message(Struct, frozen=True, kw_only=True):
    """What arrived on a phone: a code, and the challenge that it answers."""

    challenge_id: str
    code: str


class Phones:
    """The subjects' phones: each challenge sends a code of its own, which nobody could foresee."""

    def __init__(self) -> None:
        self._last = dict[str, Message]()
        self._codes = dict[str, str]()

    def ask(self, challenge_id: str, subject_id: str) -> None:
        """Send a fresh code to the subject's phone."""
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self._codes[challenge_id] = code
        self._last[subject_id] = Message(challenge_id=challenge_id, code=code)

    def right_answer(self, challenge_id: str, subject_id: str) -> str:
        """Return the code that was sent for this challenge, be it the last one or not."""
        return self._codes[challenge_id]

    def last(self, subject_id: str) -> Message | None:
        """Return the last message on a subject's phone."""
        return self._last.get(subject_id)


class Faces:
    """Whose face it is; a subject of whom nobody said otherwise has the face `face-of-` and its id."""

    def __init__(self) -> None:
        self._scripted = dict[str, str]()

    def script(self, subject_id: str, face: str) -> None:
        """Say whose face it is from now on."""
        self._scripted[subject_id] = face

    def ask(self, challenge_id: str, subject_id: str) -> None:
        """Do nothing: the camera is in the subject's hand."""

    def right_answer(self, challenge_id: str, subject_id: str) -> str:
        """Return the face that passes."""
        return self._scripted.get(subject_id, f"face-of-{subject_id}")
