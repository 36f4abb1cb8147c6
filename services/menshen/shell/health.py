"""`/livez`, `/readyz` and `/metrics`: what is true now, asked afresh at each request."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec
from aiohttp import web

from menshen.shell import metrics

Check = Callable[[], Awaitable[str | None]]
"""A question to one part: None if it is in order, else what is wrong, in a few words."""

CHECK_TIMEOUT_S = 1.0
JSON = "application/json"


class Page(NamedTuple):
    """What is answered, in UTF-8."""

    body: bytes
    status: int = 200
    content_type: str = JSON


class Health:
    """The pages of health and metrics, whichever server gives them out; `ready` names the parts that must be in order.

    `pages` holds the maker of each page, by its path.
    """

    def __init__(self, ready: Mapping[str, Check]) -> None:
        self._ready = ready
        self.pages: Mapping[str, Callable[[], Awaitable[Page]]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    async def _livez(self) -> Page:
        return Page(msgspec.json.encode({"live": True}))

    async def _readyz(self) -> Page:
        answers = await asyncio.gather(*(_ask(check) for check in self._ready.values()))
        problems = {part: answer for part, answer in zip(self._ready, answers, strict=True) if answer}
        parts = {part: problems.get(part, "ok") for part in self._ready}
        return Page(msgspec.json.encode({"ready": not problems, "parts": parts}), 503 if problems else 200)

    async def _metrics(self) -> Page:
        return Page(metrics.exposition(), content_type="text/plain")


class HealthServer:
    """Serves health and metrics, and nothing else, on one address."""

    def __init__(self, host: str, port: int, *, ready: Mapping[str, Check]) -> None:
        self._host, self._port = host, port
        app = web.Application()
        app.add_routes([web.get(path, _serve(page)) for path, page in Health(ready).pages.items()])
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> str:
        """Begin to serve; return the URL. OSError if the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://{self._host}:{port}"

    async def stop(self) -> None:
        """Stop serving."""
        await self._runner.cleanup()


def _serve(page: Callable[[], Awaitable[Page]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        told = await page()
        return web.Response(body=told.body, status=told.status, content_type=told.content_type, charset="utf-8")

    return handle


async def _ask(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), CHECK_TIMEOUT_S)
    except TimeoutError:
        return "no answer"
