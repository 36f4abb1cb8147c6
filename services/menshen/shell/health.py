"""`/livez`, `/readyz` and `/metrics`: what is true now, asked afresh at each request."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from menshen.shell import metrics

Check = Callable[[], Awaitable[str | None]]
"""A question to one part: None if it is in order, else what is wrong, in a few words."""

CHECK_TIMEOUT_S = 1.0


class HealthServer:
    """Serves health and metrics on one address; `ready` names the parts that must be in order."""

    def __init__(self, host: str, port: int, *, ready: Mapping[str, Check]) -> None:
        self._ready = ready
        self._host, self._port = host, port
        app = web.Application()
        app.add_routes(
            [web.get("/livez", self._livez), web.get("/readyz", self._readyz), web.get("/metrics", self._metrics)]
        )
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

    async def _livez(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        answers = await asyncio.gather(*(_ask(check) for check in self._ready.values()))
        problems = {part: answer for part, answer in zip(self._ready, answers, strict=True) if answer}
        parts = {part: problems.get(part, "ok") for part in self._ready}
        return web.json_response({"ready": not problems, "parts": parts}, status=503 if problems else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), content_type="text/plain", charset="utf-8")


async def _ask(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check(), CHECK_TIMEOUT_S)
    except TimeoutError:
        return "no answer"
