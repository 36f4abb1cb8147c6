"""Stories that go as far as the money: what onboard lets through, what it stops, and what the bank has paid."""

from menshen.demo.gate.borrower import Borrower
from menshen.demo.gate.intruder import Intruder
from menshen.demo.gate.scene import Scene
from menshen.demo.people import HEAVY, Visitor
from menshen.demo.places import BEIJING, SHENZHEN, VIENTIANE
from menshen.demo.story import expect

NEW_DEVICE = expect("step_up", "NEW_DEVICE")
THIEF = expect("block", "NEW_DEVICE", "IMPOSSIBLE_TRAVEL", "TYPING_MISMATCH")
STRANGER = Visitor("phone-of-a-stranger", HEAVY, VIENTIANE, VIENTIANE)


def paid_out(scene: Scene) -> None:
    """A loan as far as the money: four steps, each with the proofs that it asks for, and two people are paid."""
    borrower = Borrower(scene, SHENZHEN)
    visit = borrower.come()
    visit.open_line("20000.00", telling=True)
    visit.draw("rent", "landlord", "3000.00").pay()
    visit.draw("fees", "school", "1250.50").pay()
    borrower.expect_paid("landlord 3000.00, school 1250.50")


def stolen_line(scene: Scene) -> None:
    """The owner pays the rent in Beijing; at once somebody in Vientiane asks for the rest, and gets none of it."""
    owner = Borrower(scene, BEIJING)
    at_home = owner.come()
    at_home.open_line("20000.00")
    at_home.draw("rent", "landlord", "2500.00").pay()
    thief = owner.come(None, **STRANGER._asdict())
    thief.draw("rest", "accomplice", "17000.00").reach("refused", THIEF)
    owner.expect_alerts("RECALL agreement, RECALL limit_activation, RECALL rent")
    owner.expect_paid("landlord 2500.00")


def phone_proved(scene: Scene) -> None:
    """A payment asked for on a phone bought today waits for the owner's face, and goes out at the next attempt."""
    owner = Borrower(scene, SHENZHEN)
    owner.come().open_line("10000.00")
    draw = owner.come(NEW_DEVICE, device_id="phone-bought-today").draw("sofa", "furnisher", "4200.00")
    draw.reach("proving", NEW_DEVICE)
    draw.prove("face")
    draw.pay()
    owner.expect_paid("furnisher 4200.00")


def called_back(scene: Scene) -> None:
    """Two payments to one builder are more than a day may see without a person: an analyst calls, and lets it go on."""
    borrower = Borrower(scene, BEIJING)
    visit = borrower.come()
    visit.open_line("80000.00")
    visit.draw("roof", "builder", "30000.00").pay()
    second = visit.draw("walls", "builder", "25000.00")
    second.reach("review", expect("review", "EXPOSURE"))
    borrower.expect_paid("builder 30000.00")
    second.lift("called back on the known number: a house is being built")
    second.pay(expect("allow", "EXPOSURE"))
    borrower.expect_paid("builder 30000.00, builder 25000.00")


def swapped_payee(scene: Scene) -> None:
    """Once a payment is allowed it is for this payee and for once: not by the API, not by a verdict, false or again."""
    borrower, intruder = Borrower(scene, SHENZHEN), Intruder(scene)
    visit = borrower.come()
    visit.open_line("5000.00")
    draw = visit.draw("bike", "workshop", "900.00")
    draw.pay()
    scene.expect_reply("same draw, other payee", "409 contradiction", visit.try_draw("bike", "intruder", "900.00"))
    intruder.send_rewritten_allow(borrower, "intruder")
    intruder.send_allow_again(borrower)
    draw.reach("done", expect("allow"))
    borrower.expect_paid("workshop 900.00")
