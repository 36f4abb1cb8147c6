"""A gate, and what happens to it one fact after the other, on the default policy and on a clock of its own."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Self, TypeVar

from menshen.contract.events import ChallengeMethod, Step
from menshen.contract.verdict import Decision
from menshen.loan.commands import Command
from menshen.loan.gate import Advanced, Answered, Fact, Gate, Visit
from menshen.loan.policy import LoanPolicy, parse_loan_policy
from menshen.loan.workflow import follow

POLICY_TEXT = (Path(__file__).parents[3] / "deploy" / "policy" / "loan.toml").read_text()
POLICY = parse_loan_policy(POLICY_TEXT)
NOON_MS = 1_700_000_000_000
ALLOW_LASTS_MS = 120_000
VISIT = Visit("v1", "d1", "authenticated")
COMES = Advanced(VISIT)
C = TypeVar("C")


def step_gate(step: Step) -> Gate:
    """A step to which nobody has come yet."""
    return Gate(application_id="a1", step=step)


def draw_gate(amount: str = "5000.00", draw_id: str = "w1") -> Gate:
    """A draw about which nobody has asked yet."""
    named = {"draw_id": draw_id, "payee_ref": "p1", "amount": Decimal(amount), "currency": "CNY"}
    return Gate(application_id="a1", step="fund_transfer", **named)


class Story:
    """One gate. `commands` are those of the last fact."""

    def __init__(self, gate: Gate, policy: LoanPolicy = POLICY) -> None:
        self.gate, self.policy, self.now_ms = gate, policy, NOON_MS
        self.commands: tuple[Command, ...] = ()

    def after(self, ms: int, *facts: Fact) -> Self:
        """Let time pass, then let facts happen."""
        self.now_ms += ms
        return self.then(*facts)

    def then(self, *facts: Fact) -> Self:
        """Let facts happen, a millisecond apart."""
        for fact in facts:
            self.now_ms += 1
            self.gate, self.commands = follow(self.gate, fact, self.now_ms, self.policy)
        return self

    def told(self, kind: type[C]) -> list[C]:
        """Return the commands of one kind that the last fact caused."""
        return of_kind(self.commands, kind)

    def answer(self, decision: Decision, challenge: ChallengeMethod | None = None) -> Answered:
        """Return the verdict on the newest attempt."""
        return Answered(decision, f"verdict-{self.gate.attempt}", self.now_ms + ALLOW_LASTS_MS, challenge)


def of_kind(commands: Iterable[Command], kind: type[C]) -> list[C]:
    """Return those of one kind."""
    return [command for command in commands if isinstance(command, kind)]
