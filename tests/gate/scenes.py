"""Short scenes, each an attempt to have a draw paid on an allow that does not hold, from an office that is in order."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from sqlalchemy.exc import IntegrityError
from tests.gate.forging import FORGERIES, Aim
from tests.gate.judging import Wish
from tests.gate.office import LIMIT, VISIT, Place
from tests.gate.signing import ALLOW_LASTS_MS, Record
from tests.gate.world import World

from menshen.contract.events import Checkpoint
from menshen.contract.opening import Misfit
from menshen.loan.gate import Proved
from menshen.loan.path import STEPS, TRANSFER

AMOUNT = Decimal("1000.00")


class Scene:
    """A draw that is about to be answered; `asked` is the question."""

    asked: Checkpoint

    def __init__(self, world: World, place: Place) -> None:
        self.world, self._place, self._draw_id = world, place, place.draw_id or ""

    async def go_to_the_line(self) -> None:
        """Pass every step before the draw, honestly."""
        office, application_id = self.world.office, self._place.application_id
        office.open(application_id, f"s-{application_id}")
        for step in STEPS[:-1]:
            place = self._place._replace(step=step, draw_id=None)
            office.come(place)
            while office.at(place).gate.state == "proving":
                office.happen(place, Proved())
            self.answer(await self.question())
        self.world.judge.limits[application_id] = LIMIT

    async def ask(self) -> None:
        """Ask for the money, for the first time or again."""
        wish = Wish(f"p-{self._draw_id}", AMOUNT, VISIT.session_id, VISIT.device_id)
        self.world.judge.wishes[self._place.application_id, self._draw_id].append(wish)
        self.world.office.draw(self._draw_id, AMOUNT, wish.payee_ref, of=self._place.application_id)
        self.asked = await self.question()

    async def question(self) -> Checkpoint:
        """Return what was asked last."""
        await self.world.street.publish()
        return next(reversed(self.world.street.wire.asked.values()))

    def answer(self, asked: Checkpoint) -> Record:
        """Allow honestly, and return what was said."""
        record = self.world.detect.answer(asked, "allow", self.world.office.clock.now_ms)
        self.deliver(record)
        return record

    def revoke(self, allow: Record) -> None:
        """Take back what was said."""
        self.deliver(self.world.detect.revoke(self.world.detect.honest[allow.value], self.world.office.clock.now_ms))

    def deliver(self, record: Record) -> str:
        """Let a record reach the office."""
        self.world.judge.hear(record, self.world.office.clock.now_ms)
        return self.world.office.receive(record)

    def pass_deadline(self) -> None:
        """Let the time for an answer pass."""
        self.world.office.clock.turn(10_000)
        self.world.office.wake()

    async def pay(self) -> None:
        """Let the sender do what it thinks it may."""
        await self.world.street.pay()


Play = Callable[[Scene], Awaitable[None]]


def forged(name: str) -> Play:
    """Send a forgery in place of the answer."""

    async def play(scene: Scene) -> None:
        aim = Aim(scene.asked, _others_question(scene), scene.world.office.clock.now_ms, scene.world.chance)
        scene.deliver(FORGERIES[name](scene.world.detect, aim))

    return play


def _others_question(scene: Scene) -> Checkpoint:
    asked = scene.world.street.wire.asked.values()
    return next(q for q in asked if q.application_id != scene.asked.application_id and q.step == TRANSFER)


async def expired_on_the_way_to_the_bank(scene: Scene) -> None:
    """The allow was in time, the payment is not."""
    scene.answer(scene.asked)
    scene.world.office.clock.turn(ALLOW_LASTS_MS)


async def stalled_before_the_bank(scene: Scene) -> None:
    """The sender is held up behind its last transaction."""
    scene.answer(scene.asked)
    scene.world.office.clock.stalls = [0, 0, ALLOW_LASTS_MS]


async def _order_in_doubt(scene: Scene) -> Record:
    allow = scene.answer(scene.asked)
    scene.world.street.standins.script("timeout_before")
    await scene.pay()
    scene.world.office.clock.turn(1_000)
    return allow


async def expired_with_the_order_in_doubt(scene: Scene) -> None:
    """The first order was lost, and nobody knows; then the allow expires."""
    await _order_in_doubt(scene)
    scene.world.office.clock.turn(ALLOW_LASTS_MS)


async def revoked_with_the_order_in_doubt(scene: Scene) -> None:
    """The first order was lost, and nobody knows; then the allow is taken back."""
    scene.revoke(await _order_in_doubt(scene))


async def revoked_before_it_came(scene: Scene) -> None:
    """The revocation overtakes its allow."""
    allow = scene.world.detect.answer(scene.asked, "allow", scene.world.office.clock.now_ms)
    scene.revoke(allow)
    scene.deliver(allow)


async def revoked_before_it_was_used(scene: Scene) -> None:
    """The allow is in hand, and taken back."""
    scene.revoke(scene.answer(scene.asked))


async def overtaken_by_the_next_attempt(scene: Scene) -> None:
    """The allow of an attempt comes when the next one has been asked."""
    first = scene.asked
    scene.pass_deadline()
    await scene.ask()
    scene.answer(first)


async def used_twice(scene: Scene) -> None:
    """An allow that was used, and taken back, comes again for the next attempt."""
    allow = scene.answer(scene.asked)
    scene.revoke(allow)
    await scene.ask()
    scene.deliver(allow)


async def an_answer_of_the_bank_lost(scene: Scene) -> None:
    """The money has moved, and nobody was told."""
    scene.answer(scene.asked)
    scene.world.street.standins.script("timeout_after_success")
    await scene.pay()
    scene.world.office.clock.turn(1_000)


SCENES: Mapping[str, tuple[Play, tuple[str, ...]]] = {
    **{str(misfit): (forged(str(misfit)), (str(misfit),)) for misfit in Misfit},
    **{name: (forged(name), ("the signature",)) for name in ("of_another_key", "reworded", "under_a_trusted_name")},
    "OTHER_QUESTION": (forged("OTHER_QUESTION"), ("OTHER_QUESTION", "the question's id")),
    "EXPIRED": (
        forged("EXPIRED"),
        ("EXPIRED", "fresh as sending begins", "void if expired", "the last look at the clock"),
    ),
    "expired on the way to the bank": (
        expired_on_the_way_to_the_bank,
        ("fresh as sending begins", "void if expired", "the last look at the clock"),
    ),
    "stalled before the bank": (stalled_before_the_bank, ("the last look at the clock",)),
    "expired with the order in doubt": (
        expired_with_the_order_in_doubt,
        ("void if expired", "the last look at the clock"),
    ),
    "revoked with the order in doubt": (revoked_with_the_order_in_doubt, ("void if doubted",)),
    "revoked before it came": (revoked_before_it_came, ("what was taken back before",)),
    "revoked before it was used": (revoked_before_it_was_used, ("what is taken back now",)),
    "overtaken by the next attempt": (overtaken_by_the_next_attempt, ("the newest attempt",)),
    "used twice": (
        used_twice,
        (
            "an id counts once",
            "the inbox's primary key",
            "a question is answered once",
            "what was taken back before",
            "the newest attempt",
        ),
    ),
    "an answer of the bank lost": (an_answer_of_the_bank_lost, ("one key a draw",)),
}
"""Each scene, and the layers any one of which keeps the money where it is."""


async def prepared(world: World) -> World:
    """Return a world with two open lines, and a question about money of the second one's."""
    for application_id in _ids(world):
        scene = Scene(world, Place(application_id, TRANSFER, "w0"))
        await scene.go_to_the_line()
    await scene.ask()
    return world


async def violations(world: World, name: str, draw_id: str) -> list[str]:
    """Play a scene, and return what the judge says to it; where the database refuses, nothing has moved."""
    scene = Scene(world, Place(_ids(world)[0], TRANSFER, draw_id))
    await scene.ask()
    try:
        await SCENES[name][0](scene)
    except IntegrityError:
        world.counts["refused by the database"] += 1
    await scene.pay()
    world.office.clock.stalls.clear()
    await world.street.publish()
    before = len(world.judge.violations)
    world.judge.look()
    return world.judge.violations[before:]


def _ids(world: World) -> tuple[str, str]:
    return f"{world.office.desk.tenant}-a", f"{world.office.desk.tenant}-b"
