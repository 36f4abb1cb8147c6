"""Scenarios of honest customers: nothing may be held against them but what a challenge then answers."""

from menshen.contract.dead_letter import RejectReason
from menshen.demo.people import USUAL, Customer, Hand
from menshen.demo.places import BEIJING, SHENZHEN, TUNNEL
from menshen.demo.story import ALLOWED, QUIET, Story, expect


def honest_customer(story: Story) -> None:
    """A loan, step by step over a week: the same phone, the same hand, the same town."""
    customer = Customer(story, home=SHENZHEN)
    customer.visit(0, "09:10").begin().write().ask("eligibility", ALLOWED)
    customer.visit(1, "12:40").begin().write().ask("agreement", ALLOWED)
    customer.live(range(2, 5))
    customer.visit(5, "20:15").begin().write().ask("limit_activation", ALLOWED)
    customer.visit(6, "08:30").begin().write().draw("3000.00", ALLOWED)


def traveller(story: Story) -> None:
    """Draws money in Shenzhen, flies to Beijing, and draws again from a hotel, through a VPN."""
    customer = Customer(story, home=SHENZHEN)
    customer.live(range(5))
    customer.visit(5, "07:50").begin().draw("800.00", ALLOWED)
    customer.visit(5, "13:30", place=BEIJING).begin().write().draw("1200.00", ALLOWED)
    customer.visit(5, "22:40", place=TUNNEL, says=BEIJING).begin().write().draw("500.00", ALLOWED)


def new_phone(story: Story) -> None:
    """A new phone is doubted until its owner has shown the face once; then it is a phone like any other."""
    customer = Customer(story, home=BEIJING)
    customer.live(range(6))
    visit = customer.visit(6, "18:20", device_id=f"{customer.subject_id}-new-phone")
    visit.begin(expect("step_up", "NEW_DEVICE")).draw("2500.00", expect("step_up", "NEW_DEVICE"))
    visit.prove("face").draw("2500.00", ALLOWED)


def forgotten_password(story: Story) -> None:
    """Three wrong passwords are a bad morning, not an attack."""
    customer = Customer(story, home=SHENZHEN)
    customer.live(range(3))
    customer.visit(3, "08:05").fail(3).begin(ALLOWED).write().draw("600.00", ALLOWED)


def family_tablet(story: Story) -> None:
    """Three people of one household take turns with a tablet, and each types with a hand of their own."""
    hands = (USUAL, Hand(110, 170), Hand(140, 240))
    family = [
        Customer(story, home=BEIJING, number=n, device_id="family-tablet", hand=hand)
        for n, hand in enumerate(hands, start=1)
    ]
    for day in range(12):
        newcomer = day < 3  # on a device that others use, the learned score may ask one for a code
        family[day % 3].visit(day, "20:10").begin(None if newcomer else QUIET).write()
    for day, member in enumerate(family, start=12):
        member.visit(day, "20:10").begin().write().ask("eligibility", ALLOWED)


def broken_records(story: Story) -> None:
    """What is no event goes to the dead letters with a reason, and holds nobody up."""
    customer = Customer(story, home=SHENZHEN)
    visit = customer.visit(0, "11:00").begin()
    visit.send(b'{"type": "login", "event_id": ', RejectReason.MALFORMED)
    visit.send(b'{"type": "login", "outcome": "perhaps"}', RejectReason.INVALID)
    visit.ask("eligibility", ALLOWED)
