"""The stories of the gate, in the order in which they are played."""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from menshen.demo.gate import tales
from menshen.demo.gate.scene import FellShort, Scene
from menshen.demo.scenarios import title_of


class GateScenario(NamedTuple):
    """A named story that is played in real time; its text is the first sentence of what tells it."""

    name: str
    text: str
    tale: Callable[[Scene], None]

    def play(self, scene: Scene) -> None:
        """Play it as far as all comes as it says; the check that failed tells why it ends there."""
        with contextlib.suppress(FellShort):
            self.tale(scene)


GATE_SCENARIOS = tuple(
    GateScenario(*title_of(tale), tale)
    for tale in (tales.paid_out, tales.stolen_line, tales.phone_proved, tales.called_back, tales.swapped_payee)
)
