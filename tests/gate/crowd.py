"""Those who come to the gate: customers who go on, ask again and change their minds; people who look at the rest."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from tests.gate.judging import Wish
from tests.gate.office import LIMIT, Place
from tests.gate.world import World

from menshen.contract.onboarding import State
from menshen.loan.gate import Declined, Gate, ProofFailed, Proved, Repaid, Visit
from menshen.loan.path import STEPS, TRANSFER
from menshen.onboard.gatekeeper import NotYet

N_APPLICATIONS, N_PLACES, DRAWS_EACH, MOST_DRAWN = 5, 12, 20, 2_500
PEOPLE = (("ann", "analyst"), ("bob", "approver"), ("cyd", "analyst"), ("dan", "approver"))


class Crowd:
    """Moves from place to place; `places` are those at which somebody still has a business."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.places: list[Place] = []
        self._lines: dict[str, int] = {}
        self._n_applications = 0
        self._does: Mapping[State, Callable[[Place, Gate], None]] = {
            "waiting": self._come,
            "provisional": self._come,
            "parked": self._come,
            "proving": self._prove,
            "review": self._look,
            "appeal": self._look,
            "refused": self._complain,
            "open": self._go_on,
            "done": self._finish,
            "repaid": self._leave,
            "failed": self._leave,
        }

    def visit(self, place: Place, gate: Gate) -> None:
        """Do at a place what one does there; what the office refuses is raised."""
        act = self._does.get(gate.state)
        if self._world.happens(4):
            act = self._world.chance.choice((self._come, self._prove, self._complain))
        if act:
            act(place, gate)

    def gather(self) -> None:
        """Open what there is too little of: applications on their way, draws out of open lines."""
        if len(self._lines) + sum(place.step != TRANSFER for place in self.places) < N_APPLICATIONS:
            self._open()
        elif len(self.places) < N_PLACES and self._lines:
            self._open_draw(self._world.chance.choice(list(self._lines)))

    def _open(self) -> None:
        self._n_applications += 1
        application_id = f"{self._world.office.desk.tenant}-a{self._n_applications}"
        self._world.office.open(application_id, f"s{self._n_applications % 7}", f"product{self._n_applications}")
        self.places.append(Place(application_id, STEPS[0]))

    def _open_draw(self, application_id: str) -> None:
        n_draws = self._lines[application_id] = self._lines[application_id] + 1
        if n_draws >= DRAWS_EACH:
            del self._lines[application_id]
        place = Place(application_id, TRANSFER, f"w{n_draws}")
        self._ask_for_money(place, Decimal(self._world.chance.randrange(100, MOST_DRAWN * 100)) / 100, "p")
        self._world.counts["draws"] += 1
        self.places.append(place)

    def _ask_for_money(self, place: Place, amount: Decimal, payee_ref: str) -> None:
        visit = self._visit()
        wish = Wish(f"{payee_ref}-{place.draw_id}", amount, visit.session_id, visit.device_id)
        wishes = self._world.judge.wishes[place.application_id, place.draw_id or ""]
        if not wishes or (wish.payee_ref, wish.amount) == (wishes[0].payee_ref, wishes[0].amount):
            wishes.append(wish)  # what a draw was not opened for is never to be paid
        self._world.office.draw(place.draw_id or "", amount, wish.payee_ref, visit=visit, of=place.application_id)

    def _visit(self) -> Visit:
        return Visit(f"v{self._world.chance.randrange(5)}", f"dev{self._world.chance.randrange(3)}", "authenticated")

    def _come(self, place: Place, gate: Gate) -> None:
        if place.step == TRANSFER:
            self._ask_again(place, gate)
        elif self._world.happens(3):
            self._world.office.happen(place, Declined("credit"))
        else:
            self._advance(place)

    def _advance(self, place: Place) -> None:
        try:
            self._world.office.come(place, self._visit())
        except NotYet as early:  # what was open has been taken back meanwhile
            self._leave(place, None)
            self.places.append(place._replace(step=early.gate.step))
            raise

    def _ask_again(self, place: Place, _: Gate) -> None:
        wish = self._world.judge.wishes[place.application_id, place.draw_id or ""][0]
        if self._world.happens(20):
            self._world.counts["redraws to another payee"] += 1
            self._ask_for_money(place, wish.amount, "q")
        elif self._world.happens(15):
            self._leave(place, None)
        else:
            self._ask_for_money(place, wish.amount, "p")

    def _prove(self, place: Place, _: Gate) -> None:
        self._world.office.happen(place, Proved() if self._world.happens(85) else ProofFailed())

    def _look(self, place: Place, _: Gate) -> None:
        operator, role = self._world.chance.choice(PEOPLE)
        self._world.office.vote(place, operator, role, "allow" if self._world.happens(75) else "block")

    def _complain(self, place: Place, _: Gate) -> None:
        if self._world.happens(50):
            self._world.office.appeal(place)
        else:
            self._leave(place, None)

    def _go_on(self, place: Place, gate: Gate) -> None:
        if gate.is_transfer:
            return
        self._leave(place, None)
        then = STEPS[min(STEPS.index(gate.step) + 1, len(STEPS) - 1)]
        if then == TRANSFER:
            self._lines[place.application_id] = 0
            self._world.judge.limits[place.application_id] = gate.amount or LIMIT
        else:
            self.places.append(Place(place.application_id, then))

    def _finish(self, place: Place, gate: Gate) -> None:
        if gate.is_transfer and self._world.happens(30):
            self._world.office.happen(place, Repaid())
            self._world.judge.repaid((place.application_id, place.draw_id or ""))
        elif self._world.happens(30):
            self._leave(place, None)

    def _leave(self, place: Place, _: Gate | None) -> None:
        self.places.remove(place)
