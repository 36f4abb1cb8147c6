"""The API over HTTP in this process, with the real workflow, database and stand-ins behind it; only Kafka is left out.

A clerk carries what Kafka would: questions to a judge, its signed verdicts back, challenges to the stand-ins.
"""

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args
from uuid import uuid4

import msgspec
import uvicorn
from aiohttp import ClientSession
from msgspec.structs import replace
from sqlalchemy import Connection, select
from tests.servers.onboard import verdict_on
from tests.servers.standins import Standins

from menshen.contract.decoding import decode_event
from menshen.contract.events import Checkpoint, Step
from menshen.contract.signature import TrustedKeys
from menshen.contract.verdict import Verdict
from menshen.loan.policy import LoanPolicy, parse_loan_policy
from menshen.onboard.acting import ChallengeOrder
from menshen.onboard.api import keys
from menshen.onboard.api.app import create_app
from menshen.onboard.api.keys import Role
from menshen.onboard.desk import Desk, clock_ms
from menshen.onboard.inbox import Letter, examine
from menshen.onboard.patrol import Patrol
from menshen.onboard.ports import Bank, Challenges
from menshen.onboard.sender import Outside
from menshen.onboard.sql import outbox
from menshen.onboard.sql.database import Database
from menshen.onboard.sql.tables import inbox, questions
from menshen.shell.bundled import bundled
from menshen.shell.embedded.servers import HOST
from menshen.shell.errors import Unavailable
from menshen.shell.signing import Signer, new_key_pair

SHIPPED = parse_loan_policy(Path(bundled("deploy/policy/loan.toml")).read_text())
UNHURRIED = replace(SHIPPED, **{step: replace(SHIPPED.at(step), deadline_ms=60_000) for step in get_args(Step)})
"""The shipped policy, but no step's deadline is over while a test looks at it, however busy the machine is."""
ROUND_S = 0.01
START_S = 30.0
Rule = Callable[[Checkpoint], Verdict | None]


class Answer(NamedTuple):
    """What a call was answered; names of headers are in lower case."""

    status: int
    body: Any
    headers: dict[str, str]


class Api:
    """Calls the API with one key, or with none."""

    def __init__(self, address: tuple[str, int], key: str | None) -> None:
        self.address, self.key = address, key

    def get(self, path: str) -> Answer:
        """Read."""
        return self.call("GET", path)

    def post(self, path: str, body: object = None, *, once: str | None = None, **headers: str) -> Answer:
        """Do; a deed of its own unless `once` names one that may have been done."""
        given = {"Content-Type": "application/json", "Idempotency-Key": once or str(uuid4())}
        raw = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        return self.call("POST", path, raw, given | {name.replace("_", "-"): v for name, v in headers.items()})

    def call(self, verb: str, path: str, raw: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Send what is given as it is."""
        connection = http.client.HTTPConnection(*self.address, timeout=START_S)
        try:
            shown = {"Authorization": f"Bearer {self.key}"} if self.key else {}
            connection.request(verb, path, raw, shown | (headers or {}))
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            content = answer.read()
            is_json = bool(content) and "json" in said.get("content-type", "")
            return Answer(answer.status, json.loads(content) if is_json else content, said)
        finally:
            connection.close()


def allow(asked: Checkpoint) -> Verdict | None:
    """Let everything go on."""
    return verdict_on(asked, "allow")


def silence(_: Checkpoint) -> Verdict | None:
    """Never answer."""
    return None


class Office:
    """One API on one database; `rule` says how questions are answered, and may be changed at any time."""

    def __init__(
        self,
        database_url: str,
        tenant: str,
        standins: Standins,
        rule: Rule = allow,
        policy: LoanPolicy = UNHURRIED,
    ) -> None:
        self.database_url, self.tenant, self.rule = database_url, tenant, rule
        self._policy = policy
        self._standins = standins
        private, public = new_key_pair()
        self._signer, self._keys = Signer(private), TrustedKeys.from_pem(public)
        self._started, self._thread = threading.Event(), threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        database = Database(self.database_url)
        database.upgrade()
        self.keys: dict[Role, str] = {role: self.key(database, role) for role in get_args(Role)}
        database.close()
        self._thread.start()
        assert self._started.wait(START_S), "the API does not start"
        if self._failed:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        if self._failed:
            raise self._failed

    def key(self, database: Database, role: Role, name: str | None = None) -> str:
        """Make a key."""
        return database.run(lambda c: keys.issue(c, role, name or f"{role}-{uuid4().hex[:6]}", now_ms=clock_ms()))

    def api(self, role: Role = "service") -> Api:
        """Return the API as a role sees it."""
        return Api(self.address, self.keys[role])

    def person(self, role: Role, name: str) -> Api:
        """Return the API as one more person sees it."""
        return Api(self.address, self.key(self.desk.database, role, name))

    def take(self, verdict: Verdict) -> str:
        """Hand in a verdict, signed, as though it had come from Kafka; return its fate."""
        value = msgspec.json.encode(verdict)
        letter = examine(value, self._signer.headers(value), self._keys)
        assert isinstance(letter, Letter)
        return self.desk.database.run(lambda c: self.desk.inbox.take(c, letter, now_ms=clock_ms()))

    async def _serve(self) -> None:
        try:
            await self._open()
        except BaseException as failure:  # noqa: BLE001 - raised again where it is seen
            self._failed = failure
        finally:
            self._started.set()

    async def _open(self) -> None:
        self.desk = Desk(Database(self.database_url), self.tenant, self._policy)
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self.desk.close)
            session = await closing.enter_async_context(ClientSession())
            at = self._standins
            ports = [Challenges(session, url, timeout_s=START_S) for url in (at.otp_url, at.face_url)]
            self.outside = Outside(*ports, Bank(session, at.bank_url, timeout_s=START_S))
            app = create_app(self.desk, self.outside, {"database": self._database})
            self._server = uvicorn.Server(uvicorn.Config(app, HOST, 0, lifespan="off", log_level="error"))
            patrol = Patrol(self.desk)
            work = [asyncio.create_task(part) for part in (self._server.serve(), patrol.run(), self._clerk())]
            while not self._server.started:  # noqa: ASYNC110 - uvicorn gives no event
                await asyncio.sleep(ROUND_S)
            self.address = self._server.servers[0].sockets[0].getsockname()[:2]
            self._started.set()
            await work[0]
            patrol.stop()
            await asyncio.gather(*work[1:])

    async def _database(self) -> str | None:
        return None

    async def _clerk(self) -> None:
        while not self._server.should_exit:
            for asked in await self.desk.read(_unanswered):
                if verdict := self.rule(asked):
                    await asyncio.to_thread(self.take, verdict)
            for parcel in await self.desk.read(lambda c: outbox.waiting(c, ("challenge",), clock_ms(), 100)):
                with contextlib.suppress(Unavailable):
                    await self._issue(parcel)
            await asyncio.sleep(ROUND_S)

    async def _issue(self, parcel: outbox.Parcel) -> None:
        order = msgspec.json.decode(parcel.body, type=ChallengeOrder)
        service = self.outside.face if order.method == "face" else self.outside.otp
        who = {"subject_id": order.subject_id, "device_id": order.device_id}
        await service.issue(order.challenge_id, order.method, **who)
        await self.desk.run(lambda c: outbox.mark_sent(c, [parcel.number], clock_ms()))


def _unanswered(connection: Connection) -> list[Checkpoint]:
    answered = select(inbox.c.event_id)
    bodies = connection.execute(select(questions.c.body).where(questions.c.event_id.not_in(answered))).scalars()
    return [asked for asked in map(decode_event, bodies) if isinstance(asked, Checkpoint)]
