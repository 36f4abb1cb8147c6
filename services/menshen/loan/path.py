"""The path to a loan: its four gated steps in order, what each one opens, and what it asks of the customer."""

from typing import NamedTuple, get_args

from menshen.contract.events import Step
from menshen.contract.onboarding import State

STEPS: tuple[Step, ...] = get_args(Step)
TRANSFER: Step = "fund_transfer"

MEANING: dict[State, str] = {
    "waiting": "Nobody has come to it yet, or what was asked came to nothing: the customer may ask, or ask again.",
    "proving": "A challenge is out: the customer has to prove who is there.",
    "asked": "A checkpoint is out: the verdict is awaited, until the step's deadline.",
    "provisional": "No verdict came in time for a step without money: it goes on for now, and is asked again.",
    "parked": "No verdict came in time for a transfer: it stays shut until somebody asks again or a valid one comes.",
    "review": "A person has to look at it, within a time limit.",
    "open": "Allowed, and nothing rests on it yet: a revocation shuts it again.",
    "sending": "The bank has been told, and has not said yet what came of it.",
    "done": "It has taken effect: a revocation can only raise an alert.",
    "repaid": "The money has come back; the line is free for as much again.",
    "refused": "Blocked or declined; a waiting time runs, and the customer may appeal.",
    "appeal": "Two people look at a refusal again.",
    "failed": "The bank does not carry out this payment; another draw can be asked for.",
}


class Stage(NamedTuple):
    """What happens at a step, and what is checked there beside the verdict."""

    happens: str
    checked: str


PATH: dict[Step, Stage] = {
    "eligibility": Stage("the product's entry is shown", "whether this customer may see it"),
    "agreement": Stage("the customer signs", "the digital signature, and who signs"),
    "limit_activation": Stage("the limit becomes usable", "a one-time code and the face"),
    "fund_transfer": Stage("money moves, once a draw", "the bank's own check, at once"),
}
