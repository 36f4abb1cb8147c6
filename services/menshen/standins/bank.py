"""The routes of the bank, and the faults that its script puts in their way."""

import asyncio

from aiohttp import web
from msgspec import structs

from menshen.standins.ledger import Ledger, Order, Settled
from menshen.standins.script import Fault, Script
from menshen.standins.wire import answer, named, problem, read

STATUS_OF_A_TRANSFER = {"executed": 200, "refused": 422, "voided": 410}


class Bank:
    """A bank that keeps one promise: a key moves money once at most, however often and however brokenly it is asked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._script = ledger, Script()

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return what is served under a prefix."""
        transfer = f"{prefix}/transfers/{{key}}"
        return [
            web.put(transfer, self._transfer),
            web.get(transfer, self._find),
            web.post(f"{transfer}/void", self._void),
            web.get(f"{prefix}/ledger", self._executed),
            web.post(f"{prefix}/script", self._add_fault),
            web.get(f"{prefix}/script", self._faults),
        ]

    async def _transfer(self, request: web.Request) -> web.StreamResponse:
        key, order = named(request, "key"), await read(request, Order)
        if fault := self._script.take(order.payee_ref):
            return await self._go_wrong(request, fault, key=key, order=order)
        is_new = self._ledger.find(key) is None
        settled = self._ledger.execute(key, order)
        return answer(_told(settled), 201 if is_new else STATUS_OF_A_TRANSFER[settled.status])

    async def _go_wrong(self, request: web.Request, fault: Fault, *, key: str, order: Order) -> web.StreamResponse:
        if fault.refuses:
            settled = self._ledger.refuse(key, order, fault.why)
            return answer(_told(settled), STATUS_OF_A_TRANSFER[settled.status])
        if fault.executes:
            self._ledger.execute(key, order)
        return await _silence(request, fault.seconds) if fault.is_silent else problem("scripted", 500)

    async def _find(self, request: web.Request) -> web.Response:
        settled = self._ledger.find(named(request, "key"))
        return answer(settled) if settled else problem("no transfer has used this key", 404)

    async def _void(self, request: web.Request) -> web.Response:
        return answer(_told(self._ledger.void(named(request, "key"))))

    async def _executed(self, _: web.Request) -> web.Response:
        return answer(
            [{"key": entry.key, **structs.asdict(entry.order)} for entry in self._ledger.executed() if entry.order]
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        self._script.add(await read(request, Fault))
        return await self._faults(request)

    async def _faults(self, _: web.Request) -> web.Response:
        return answer(self._script.waiting())


def _told(settled: Settled) -> dict[str, str]:
    return {"status": settled.status} | ({"why": settled.why} if settled.why else {})


async def _silence(request: web.Request, seconds: float) -> web.StreamResponse:
    """Hold the connection, then close it; what is returned goes nowhere."""
    await asyncio.sleep(seconds)
    if request.transport:
        request.transport.abort()
    return web.Response()
