"""Which typing may be judged at all.

Who pastes, fills in from a manager, composes characters, dictates or uses an aid types unlike others, and unlike
himself. That is no ground for a doubt: such a visit weighs nothing, and nothing is learned from it.
"""

from typing import TypeGuard

from menshen.contract.events import Event, Keystroke

BY_HAND = (None, "keyboard", "soft_keyboard")


def typed_by_hand(event: Event) -> TypeGuard[Keystroke]:
    """Say whether the event is a field visit in which each key stands for a press of a finger."""
    return isinstance(event, Keystroke) and not event.pasted and not event.autofilled and event.input_method in BY_HAND
