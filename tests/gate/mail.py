"""What comes on the topic of verdicts: honest ones, in any order and any number of times, and an attacker's."""

from tests.gate.forging import FORGERIES, Aim
from tests.gate.office import Place
from tests.gate.signing import Record
from tests.gate.world import World

from menshen.contract.events import Checkpoint
from menshen.contract.verdict import Verdict

ANSWERS = {"allow": 68, "step_up": 14, "review": 10, "block": 8}
FATES = {"delivered": 62, "held": 18, "doubled": 12, "dropped": 5}
OVERTAKEN = {"overtaken": 3}
MOST_HELD, MOST_REMEMBERED = 12, 40


class Mail:
    """Delivers records to the office, or holds them back for a while."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: list[Record] = []
        self._allows: list[Verdict] = []
        self._answered: set[str] = set()

    def answer(self, place: Place) -> None:
        """Let something come that says what becomes of a place: an honest answer, or a forged one."""
        asked = self._newest_question(place)
        if asked is None or asked.event_id in self._answered:
            return
        if self._world.happens(45):
            self._attack(asked)
            return
        self._answered.add(asked.event_id)
        decision = self._world.one_of(ANSWERS)
        record = self._world.detect.answer(asked, decision, self._world.office.clock.now_ms)
        if decision == "allow":
            self._allows = [*self._allows[-MOST_REMEMBERED:], self._world.detect.honest[record.value]]
        fate = self._world.one_of(FATES | OVERTAKEN)
        if fate == "overtaken":
            self._deliver(self._world.detect.revoke(self._world.detect.honest[record.value], asked.occurred_ms))
        self._send(record, fate)

    def deliver_held(self) -> None:
        """Deliver any one of those that were held back: the order is not kept."""
        if self._held:
            self._deliver(self._held.pop(self._world.chance.randrange(len(self._held))))

    def revoke(self) -> None:
        """Take an allow back that is open, used, held back, or was never delivered."""
        if self._allows:
            allow = self._allows.pop(self._world.chance.randrange(len(self._allows)))
            self._world.counts["revocations"] += 1
            self._send(self._world.detect.revoke(allow, self._world.office.clock.now_ms), self._world.one_of(FATES))

    def _newest_question(self, place: Place) -> Checkpoint | None:
        about = (
            asked
            for asked in reversed(self._world.street.wire.asked.values())
            if (asked.application_id, asked.step, asked.draw_id) == place
        )
        return next(about, None)

    def _attack(self, asked: Checkpoint) -> None:
        others = [q for q in self._world.street.wire.asked.values() if q.application_id != asked.application_id]
        if not others:
            return
        aim = Aim(asked, self._world.chance.choice(others), self._world.office.clock.now_ms, self._world.chance)
        name = self._world.chance.choice(list(FORGERIES))
        self._world.counts[f"attack {name}"] += 1
        self._deliver(FORGERIES[name](self._world.detect, aim))

    def _send(self, record: Record, fate: str) -> None:
        self._world.counts[fate] += 1
        if fate in ("delivered", "doubled", "overtaken"):
            self._deliver(record)
        if fate in ("held", "doubled"):
            self._held = [*self._held[-MOST_HELD:], record]

    def _deliver(self, record: Record) -> None:
        self._world.judge.hear(record, self._world.office.clock.now_ms)
        self._world.counts[f"fate {self._world.office.receive(record)}"] += 1
