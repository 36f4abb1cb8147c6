"""What can go wrong outside the domain, by what must be done about it."""


class Unavailable(Exception):
    """A part outside does not answer now. Wait and do the same again: nothing was lost."""


class Stale(Exception):
    """Redis does not stand where this worker left it. Forget what is in memory and ask the group who owns it."""


class Refusal(Exception):
    """The worker will not go on until an operator has acted; a restart would not help."""
