"""The parts that hold under faults, each taken out of the running code: the climate that needs it, and who notices."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, NamedTuple, TypeVar

from pytest import MonkeyPatch
from sqlalchemy import Connection
from tests.cutting import Cut
from tests.gate.faults.points import WatchedDesk
from tests.gate.faults.stage.process import Process
from tests.gate.faults.stage.weather import CALM, DOUBTS, HOLD_UPS, STORM, Climate
from tests.gate.taking_out import LAYERS, cut_out

from menshen.onboard import paying
from menshen.onboard.sender import Sender
from menshen.onboard.sql import outbox

T = TypeVar("T")
MARK = "await self._desk.run(lambda c: outbox.mark_sent(c, {numbers}, clock_ms()))\n"
GIVE_UP = '__import__("menshen.onboard.ports", fromlist=["ports"])'


class Mutation(NamedTuple):
    """What is done to the code, in which climate it matters, and the invariant that has to notice."""

    do: Callable[[MonkeyPatch], None]
    climate: Climate
    noticed_by: str


def _without(*cuts: Cut) -> Callable[[MonkeyPatch], None]:
    return partial(cut_out, cuts)


def _outbox_apart(patch: MonkeyPatch) -> None:
    """Write what has to leave in a transaction of its own, behind the one that decided it."""
    put, run = outbox.put, WatchedDesk.run

    def put_off(connection: Connection, *parcel: Any, now_ms: int) -> None:
        connection.info.setdefault("put off", []).append((parcel, now_ms))

    async def run_twice(desk: WatchedDesk, work: Callable[[Connection], T]) -> T:
        @wraps(work)
        def noted(connection: Connection) -> tuple[T, list[Any]]:
            connection.info.pop("put off", None)
            return work(connection), connection.info.pop("put off", [])

        done, parcels = await run(desk, noted)
        if parcels:
            await run(desk, lambda c: [put(c, *parcel, now_ms=now_ms) for parcel, now_ms in parcels])
        return done

    patch.setattr(outbox, "put", put_off)
    patch.setattr(WatchedDesk, "run", run_twice)


def _offset_first(patch: MonkeyPatch) -> None:
    """Say that verdicts are dealt with before they are."""

    async def follow(process: Process) -> None:
        while True:
            records = await process._verdicts.fetch(1)
            await process._verdicts.commit()
            await process._agent.take(records)

    patch.setattr(Process, "_follow", follow)


MUTATIONS: Mapping[str, Mutation] = {
    "an id counts once": Mutation(
        _without(
            *(LAYERS[it] for it in ("an id counts once", "the inbox's primary key", "a question is answered once"))
        ),
        STORM._replace(repeated=70),
        "a verdict counts once",
    ),
    "an id is looked up": Mutation(_without(LAYERS["an id counts once"]), STORM, "nobody is surprised"),
    "the offset follows the verdict": Mutation(_offset_first, STORM, "no verdict is lost"),
    "the outbox in the same transaction": Mutation(_outbox_apart, STORM, "every change is told"),
    "the lease": Mutation(
        _without(Cut(outbox.hold_lease, 'found["holder"] != holder and found["until_ms"] > now_ms', "False")),
        CALM,
        "once in calm weather",
    ),
    "records are sent before they are marked": Mutation(
        _without(
            Cut(
                Sender._publish,
                "    await asyncio.gather(",
                "    " + MARK.format(numbers="[p.number for p in parcels]") + "    await asyncio.gather(",
            )
        ),
        STORM,
        "every change is told",
    ),
    "payments are sent before they are marked": Mutation(
        _without(
            Cut(
                Sender._payment,
                "    if told is not None:",
                "    " + MARK.format(numbers="[parcel.number]") + "    if told is not None:",
            )
        ),
        STORM,
        "nothing hangs",
    ),
    "an order is closed before it is given up": Mutation(
        _without(
            Cut(
                Sender._tell,
                "await self._outside.bank.void(told.order.key)",
                f"{GIVE_UP}.Settled(status={GIVE_UP}.Outcome.VOIDED)",
            )
        ),
        STORM,
        "the bank and the gate agree",
    ),
    "one key a draw": Mutation(_without(LAYERS["one key a draw"]), STORM, "one transfer a draw"),
    "the last look at the clock": Mutation(
        _without(LAYERS["the last look at the clock"]), HOLD_UPS, "no money without an allow"
    ),
    "void if doubted": Mutation(_without(LAYERS["void if doubted"]), DOUBTS, "no money without an allow"),
    "the bank's answer counts once": Mutation(
        _without(Cut(paying.settle, 'if kept.gate.state == "sending":', "if True:")), HOLD_UPS, "nobody is surprised"
    ),
}
