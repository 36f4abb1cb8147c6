"""`menshen onboard` as a process: its parts, put together for Faust to host."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import faust
import uvicorn
from aiohttp import ClientSession
from faust.exceptions import ConsumerNotStarted

from menshen.contract.signature import TrustedKeys
from menshen.contract.topics import EVENTS, VERDICTS
from menshen.loan.policy import LoanPolicy, LoanPolicyError, parse_loan_policy
from menshen.onboard.api.app import create_app
from menshen.onboard.desk import Desk
from menshen.onboard.patrol import Patrol
from menshen.onboard.ports import Bank, Challenges
from menshen.onboard.sender import Outside, Sender
from menshen.onboard.sql.database import Database
from menshen.onboard.verdicts import VerdictAgent
from menshen.shell.errors import Refusal, Unavailable
from menshen.shell.health import Check
from menshen.shell.kafka.clients import Publisher
from menshen.shell.kafka.faust_app import faust_app
from menshen.shell.kafka.hosting import Process, patiently
from menshen.shell.settings import OnboardSettings

CLOCK_TOLERANCE_MS = 1_000


class Onboard:
    """The parts of one process, made inside its event loop; nothing is connected yet."""

    def __init__(self, settings: OnboardSettings, desk: Desk, agent: VerdictAgent, host: faust.App) -> None:
        self._settings, self._desk, self._agent, self._host = settings, desk, agent, host
        self._session = ClientSession()
        timeout_s = settings.port_timeout_ms / 1000
        self._outside = Outside(
            Challenges(self._session, settings.otp_url, timeout_s=timeout_s),
            Challenges(self._session, settings.face_url, timeout_s=timeout_s),
            Bank(self._session, settings.bank_url, timeout_s=timeout_s),
        )
        self._publisher = Publisher(settings)
        self._sender, self._patrol = Sender(desk, self._publisher, self._outside), Patrol(desk)
        checks: dict[str, Check] = {
            "database": self._database,
            "kafka": self._kafka,
            "verdicts": self._verdicts,
            "clock": self._clock,
        }
        app = create_app(desk, self._outside, checks)
        config = uvicorn.Config(
            app, settings.http_host, settings.http_port, lifespan="off", log_config=None, access_log=False
        )
        self._server = _Server(config)

    async def serve(self) -> str:
        """Serve the API and health."""
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._serving.done():
                raise Refusal(f"http: {self._settings.http_host}:{self._settings.http_port} cannot be listened on")
            await asyncio.sleep(0.01)
        host, port = self._server.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def connect(self) -> None:
        """Wait for Kafka."""
        await patiently(self._publisher.start)

    async def run(self) -> None:
        """Send what waits, and wake what is overdue, until `stop`."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._sender.run())
            work.create_task(self._patrol.run())

    def stop(self) -> None:
        """Finish what is in hand."""
        self._sender.stop()
        self._patrol.stop()

    async def close(self) -> None:
        """Stop serving and close all connections."""
        self._server.should_exit = True
        await self._serving
        await self._publisher.stop()
        await self._session.close()
        await self._desk.close()

    async def _database(self) -> str | None:
        try:
            await asyncio.to_thread(self._desk.database.check_schema)
        except (Refusal, Unavailable) as problem:
            return str(problem)
        return None

    async def _kafka(self) -> str | None:
        try:
            await self._publisher.n_partitions(EVENTS)
        except Unavailable as outage:
            return str(outage)
        return None

    async def _verdicts(self) -> str | None:
        with contextlib.suppress(ConsumerNotStarted):
            if self._host.consumer.assignment():
                return None
        return "no partition of the verdict topic is assigned"

    async def _clock(self) -> str | None:
        behind_ms = self._agent.behind_ms
        return None if behind_ms < CLOCK_TOLERANCE_MS else f"this clock is {behind_ms} ms behind the broker's"


class _Server(uvicorn.Server):
    """Leaves signals to the process that it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


SWITCH_S = 0.0005
"""How long a thread may keep others waiting: calls of the database are many and short, and 5 ms each would add up."""


def run_onboard(settings: OnboardSettings) -> None:
    """Run until a signal; does not return.

    Raises
    ------
    SystemExit
        0 after a drain.
    Refusal
        Before anything is served: policy or keys cannot be used, or the database has another release's schema.
    """
    sys.setswitchinterval(SWITCH_S)
    policy, keys = _policy(settings.loan_policy_file), _keys(settings.verify_keys_file)
    database = Database(settings.database_url.get_secret_value())
    database.check_schema()
    desk = Desk(database, settings.tenant, policy)
    agent = VerdictAgent(desk, keys)
    app = faust_app(settings, settings.group_id)
    verdicts = app.topic(VERDICTS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    app.agent(verdicts)(agent.follow)
    Process(app, lambda: Onboard(settings, desk, agent, app)).execute_from_commandline()


def _policy(file: Path) -> LoanPolicy:
    try:
        return parse_loan_policy(file.read_text())
    except (OSError, LoanPolicyError) as error:
        raise Refusal(f"MENSHEN_LOAN_POLICY_FILE: {error}") from None


def _keys(file: Path) -> TrustedKeys:
    try:
        return TrustedKeys.from_pem(file.read_text())
    except (OSError, ValueError) as error:
        raise Refusal(f"MENSHEN_VERIFY_KEYS_FILE: {error}") from None
