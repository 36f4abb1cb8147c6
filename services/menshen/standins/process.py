"""`menshen standins` as a process: all three services on one address, until a signal ends it."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from menshen.standins.bank import Bank
from menshen.standins.challenges import Challenges
from menshen.standins.ledger import Ledger
from menshen.standins.proofs import Faces, Phones
from menshen.standins.proving import PeopleRoutes, PhoneRoutes, Proving
from menshen.standins.wire import LARGEST_BODY_BYTES, say_what_is_wrong

PREFIXES = ("otp", "face", "bank")
DRAIN_S = 0.5
"""How long requests that are under way may take once the process is to end; a held connection is broken off then."""

Announce = Callable[[dict[str, str]], None]


def application(ledger: Ledger) -> web.Application:
    """Return the three services, with fresh challenges and an empty script."""
    phones, faces = Phones(), Faces()
    app = web.Application(middlewares=[say_what_is_wrong], client_max_size=LARGEST_BODY_BYTES)
    app.add_routes([*Proving(Challenges("otp", phones)).routes("/otp"), *PhoneRoutes(phones).routes("/otp")])
    app.add_routes([*Proving(Challenges("face", faces)).routes("/face"), *PeopleRoutes(faces).routes("/face")])
    app.add_routes(Bank(ledger).routes("/bank"))
    return app


async def serve(host: str, port: int, *, ledger_file: Path | None, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT, and announce the URLs once requests are taken; port 0 is any free one.

    Raises OSError if the port is taken or the file cannot be opened, `LedgerUnreadable` if it is no ledger.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    ledger = Ledger(ledger_file)
    runner = web.AppRunner(application(ledger), access_log=None, shutdown_timeout=DRAIN_S)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        announce({f"{name}_url": f"http://{_in_a_url(bound_host)}:{bound_port}/{name}" for name in PREFIXES})
        await stopping.wait()
    finally:
        await runner.cleanup()
        ledger.close()


def _in_a_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
