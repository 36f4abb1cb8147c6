"""What can go wrong outside the domain, by what must be done about it."""


class Unavailable(Exception):
    """A part outside does not answer now. Wait and do the same again: nothing was lost."""


class Stale(Exception):
    """Redis does not stand where this worker left it. Forget what is in memory and ask the group who owns it."""


class Refusal(Exception):
    """The worker will not go on until an operator has acted; a restart would not help."""


class StepFailed(Exception):
    """Stepping the event at `offset` raised what nobody expected: a mistake in the program, to be seen, not skipped."""

    def __init__(self, partition: int, offset: int) -> None:
        super().__init__(f"partition {partition}: the event at offset {offset} cannot be stepped")
        self.offset = offset
