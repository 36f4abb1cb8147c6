"""The scenarios in the order in which they are played. Adding one is a function and a line here."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from menshen.demo import frauds, honest
from menshen.demo.story import Line, Story

Tale = Callable[[Story], None]


class Titled(Protocol):
    """Anything that is told under a name, with one sentence that says what it is about."""

    @property
    def name(self) -> str:
        """The name by which it can be asked for."""

    @property
    def text(self) -> str:
        """What it is about."""


class Scenario(NamedTuple):
    """A named story; its text is the first sentence of what tells it."""

    name: str
    text: str
    tale: Tale

    def lines(self, first_midnight_ms: int) -> tuple[Line, ...]:
        """Return its records, days counted from a midnight in China."""
        story = Story(self.name, first_midnight_ms)
        self.tale(story)
        return tuple(story.lines)


def title_of(tale: Callable[..., None]) -> tuple[str, str]:
    """Return the name and the text of what a function tells."""
    return tale.__name__.replace("_", "-"), tale.__doc__ or ""


def _named(tales: Iterable[Tale]) -> tuple[Scenario, ...]:
    return tuple(Scenario(*title_of(tale), tale) for tale in tales)


SCENARIOS = _named(
    (
        honest.honest_customer,
        honest.traveller,
        honest.new_phone,
        honest.forgotten_password,
        honest.family_tablet,
        frauds.stolen_account,
        frauds.credential_stuffing,
        frauds.unlocked_phone,
        frauds.device_farm,
        frauds.robot_typing,
        frauds.mocked_gps,
        frauds.borrowed_place,
        frauds.passed_around,
        honest.broken_records,
    )
)
