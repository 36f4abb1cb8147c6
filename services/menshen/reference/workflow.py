"""The page of the workflow: drawn from the table that runs."""

from collections.abc import Iterator

from menshen.loan.path import MEANING, PATH
from menshen.loan.policy import LoanPolicy, parse_loan_policy
from menshen.loan.workflow import TABLE, Row, always
from menshen.reference.tables import NOTE, table
from menshen.shell.bundled import bundled

INTRODUCTION = """Each step of an application, and each draw out of the line, is a *gate*. All gates follow one table, \
`services/menshen/loan/workflow.py`; this page is drawn from it. A fact for which a state has no row changes nothing: \
the API answers 409. Whatever the state, money moves in `sending` alone, and `sending` is reached through a verdict \
that allows it."""


def page() -> str:
    """Return the page."""
    policy = parse_loan_policy(bundled("deploy/policy/loan.toml").read_text())
    parts = [
        f"{NOTE}\n# Workflow\n\n{INTRODUCTION}\n\n## The path\n\n{_path(policy)}",
        f"\n## The states\n\n```mermaid\n{_diagram()}\n```\n",
        *(f"\n### {state}\n\n{meaning}\n\n{_exits(state)}" for state, meaning in MEANING.items()),
    ]
    return "".join(parts)


def _path(policy: LoanPolicy) -> str:
    rows = [
        [
            f"`{step}`",
            stage.happens,
            stage.checked,
            ", ".join(policy.at(step).proofs) or "none",
            f"{policy.at(step).deadline_ms} ms",
            policy.at(step).silence,
        ]
        for step, stage in PATH.items()
    ]
    heads = ["step", "what happens", "what is checked beside the verdict", "proofs", "deadline", "silence means"]
    return table(heads, rows) + "\nProofs, deadlines and silence are those of the shipped `deploy/policy/loan.toml`.\n"


def _diagram() -> str:
    return "\n".join(["stateDiagram-v2", "    [*] --> waiting", *_arrows()])


def _arrows() -> Iterator[str]:
    seen = dict[tuple[str, str], list[str]]()
    for row in TABLE:
        for state in row.states:
            if row.then and row.then != state:
                names = seen.setdefault((state, row.then), [])
                names += [_named(row)] if _named(row) not in names else []
    for (before, after), names in seen.items():
        yield f"    {before} --> {after}: {', '.join(names)}"


def _named(row: Row) -> str:
    return row.fact.__name__ if row.when is always else f"{row.fact.__name__} ({row.when.__doc__})"


def _exits(state: str) -> str:
    rows = [
        [
            f"`{row.fact.__name__}`",
            "" if row.when is always else str(row.when.__doc__),
            f"`{row.then}`" if row.then else "refused, and stays",
            "; ".join(str(effect.__doc__) for effect in row.do),
        ]
        for row in TABLE
        if state in row.states
    ]
    if not rows:
        return "It is an end: nothing leads out of it.\n"
    return table(["fact", "if", "then", "and"], rows)
