"""Scenarios of frauds: each must be stopped as its story says, for the very reasons that it gives."""

from menshen.demo.people import HEAVY, PROGRAM, Customer
from menshen.demo.places import BEIJING, SHENZHEN, VIENTIANE
from menshen.demo.story import QUIET, Story, expect


def stolen_account(story: Story) -> None:
    """Half an hour after the owner was in Beijing somebody draws in Vientiane: another phone, another hand."""
    owner = Customer(story, home=BEIJING)
    owner.live(range(6))
    thief = owner.visit(5, "20:00", place=VIENTIANE, device_id="phone-in-vientiane", hand=HEAVY)
    thief.begin(None).write()
    thief.draw("9000.00", expect("block", "NEW_DEVICE", "IMPOSSIBLE_TRAVEL", "TYPING_MISMATCH"))


def credential_stuffing(story: Story) -> None:
    """Ten passwords from a leak are tried, the eleventh fits, and somebody else sits down to draw."""
    owner = Customer(story, home=SHENZHEN)
    owner.live(range(5))
    thief = owner.visit(5, "15:20", device_id="phone-of-a-thief", hand=HEAVY).fail(10)
    thief.begin(None).write()
    thief.draw("9000.00", expect("block", "NEW_DEVICE", "FAILED_LOGINS", "TYPING_MISMATCH"))


def unlocked_phone(story: Story) -> None:
    """Somebody at home has picked up the owner's phone: all is as ever, but for the hand that types."""
    owner = Customer(story, home=SHENZHEN)
    owner.live(range(7))
    flatmate = owner.visit(7, "23:10", hand=HEAVY).begin().write()
    flatmate.draw("4000.00", expect("step_up", "TYPING_MISMATCH"))


def device_farm(story: Story) -> None:
    """Eight accounts within an hour on one handset, each with a hired face: a face excuses no farm."""
    for n in range(1, 9):
        account = Customer(story, home=SHENZHEN, number=n, device_id="farm-handset")
        visit = account.visit(2, f"15:{6 * n:02}").begin(None).prove("face")
        visit.ask("eligibility", expect("review", "SHARED_DEVICE") if n == 8 else None)


def robot_typing(story: Story) -> None:
    """A person shows the face, and then a program fills in the form: every key like the one before."""
    robot = Customer(story, home=BEIJING, hand=PROGRAM)
    visit = robot.visit(0, "10:00").begin().prove("face").write()
    visit.ask("eligibility", expect("review", "INHUMAN_TYPING"))


def mocked_gps(story: Story) -> None:
    """The phone says Beijing, and says itself that an app has made that up; the owner's face does not excuse it."""
    customer = Customer(story, home=SHENZHEN)
    customer.live(range(4))
    visit = customer.visit(4, "16:45", says=BEIJING, mocked=True).begin().prove("face")
    visit.ask("eligibility", expect("step_up", "MOCKED_LOCATION"))


def borrowed_place(story: Story) -> None:
    """A first application from a position in Beijing, sent from a network in Vientiane."""
    stranger = Customer(story, home=BEIJING)
    visit = stranger.visit(0, "14:00", place=VIENTIANE, says=BEIJING).begin()
    visit.ask("limit_activation", expect("step_up", "GPS_IP_MISMATCH"))


def passed_around(story: Story) -> None:
    """An account that goes from hand to hand: five handsets, one after the other, night after night."""
    account = Customer(story, home=SHENZHEN)
    handsets = [f"ring-handset-{n}" for n in range(1, 6)]
    for day, device_id in enumerate(handsets):
        account.visit(day, "14:00", device_id=device_id).begin(expect("step_up", "NEW_DEVICE") if day else QUIET)
    for night in (8, 9, 10):
        for hour, device_id in enumerate(handsets[:4], start=1):
            account.visit(night, f"0{hour}:20", device_id=device_id).begin(None)
    last = account.visit(11, "02:30", device_id=handsets[4]).begin(None)
    last.draw("7000.00", expect("step_up", "NIGHT_DEVICE_SWITCHING"))
