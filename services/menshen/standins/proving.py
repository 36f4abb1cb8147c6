"""The routes of the one-time code and of the face."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from menshen.standins.challenges import Challenges, Request
from menshen.standins.proofs import Faces, Phones
from menshen.standins.wire import answer, named, problem, read

Text = Annotated[str, Meta(min_length=1, max_length=256)]


class Attempt(Struct, frozen=True, forbid_unknown_fields=True):
    """What a subject answers to a challenge."""

    answer: Text


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose face a subject has."""

    face: Text


class Proving:
    """Challenges of one method over HTTP."""

    def __init__(self, challenges: Challenges) -> None:
        self._challenges = challenges

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return what is served under a prefix."""
        challenge = f"{prefix}/challenges/{{challenge_id}}"
        return [web.put(challenge, self._issue), web.post(f"{challenge}/answers", self._answer)]

    async def _issue(self, request: web.Request) -> web.Response:
        challenge_id, wanted = named(request, "challenge_id"), await read(request, Request)
        if wanted.method != self._challenges.method:
            return problem(f"only {self._challenges.method} is asked for here - at `$.method`", 422)
        return answer(wanted, 201 if self._challenges.issue(challenge_id, wanted) else 200)

    async def _answer(self, request: web.Request) -> web.Response:
        challenge_id, attempt = named(request, "challenge_id"), await read(request, Attempt)
        ended = self._challenges.find(challenge_id).final
        return answer(ended, 410) if ended else answer(self._challenges.answer(challenge_id, attempt.answer))


class PhoneRoutes:
    """What the rehearsal may look at: the last message on a phone."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return what is served under a prefix."""
        return [web.get(f"{prefix}/phones/{{subject_id}}", self._last)]

    async def _last(self, request: web.Request) -> web.Response:
        message = self._phones.last(named(request, "subject_id"))
        return answer(message) if message else problem("nothing has arrived on this phone", 404)


class PeopleRoutes:
    """What the rehearsal may script: whose face it is."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return what is served under a prefix."""
        return [web.put(f"{prefix}/people/{{subject_id}}", self._script)]

    async def _script(self, request: web.Request) -> web.Response:
        person = await read(request, Person)
        self._faces.script(named(request, "subject_id"), person.face)
        return answer(person)
