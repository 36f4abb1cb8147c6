"""`python -m tests.simulation`: the real workers in simulated weather, seed after seed, each repeatable."""

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.run import run
from tests.simulation.sweep import Outcome, Setting, sweep
from tests.simulation.weather import FAMILIES

TOLD_EVERY_S = 5.0


@dataclass
class Tally:
    """What has come of all seeds so far."""

    n_seeds: int = 0
    n_red: int = 0
    n_conflicts: int = 0
    invariants: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.n_seeds += 1
        self.n_red += bool(outcome.violations)
        self.n_conflicts += outcome.n_conflicts
        self.invariants.update({violation.partition(" ")[0] for violation in outcome.violations})
        self.faults.update(outcome.counts)

    def as_json(self, asked: argparse.Namespace, took_s: float) -> str:
        told = {"seeds": self.n_seeds, "red": self.n_red, "conflicts": self.n_conflicts}
        told |= {"invariants": dict(sorted(self.invariants.items())), "faults": dict(sorted(self.faults.items()))}
        return json.dumps(told | {"family": asked.faults, "mutation": asked.mutation, "took_s": round(took_s, 1)})


def family_of(seed: int) -> str:
    """Return the family of weather of a seed, where none is asked for: one after the other."""
    return list(FAMILIES)[seed % len(FAMILIES)]


def settings(asked: argparse.Namespace) -> Iterator[tuple[int, Setting]]:
    for seed in range(asked.first, asked.first + asked.seeds):
        yield seed, Setting(asked.faults or family_of(seed), asked.mutation)


def main() -> int:
    asked = _asked()
    if asked.list:
        _list()
        return 0
    return _one(asked) if asked.seed is not None else _many(asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--faults", choices=list(FAMILIES), help="the family of weather; without it all, by turns")
    parser.add_argument(
        "--mutation", choices=list(MUTATIONS), metavar="NAME", help="a part of the protocol to take out"
    )
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--trace", action="store_true", help="with --seed: say all that happens")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    parser.add_argument("--json", action="store_true", help="say what came of it as one line of JSON")
    parser.add_argument("--list", action="store_true", help="list the families and the mutations")
    return parser.parse_args()


def _list() -> None:
    for name, faults in FAMILIES.items():
        print(f"{name:18s} {', '.join(faults)}")
    for name, mutation in MUTATIONS.items():
        print(f"{name:18s} {mutation.what} (shown by {mutation.shown_by})")


def _one(asked: argparse.Namespace) -> int:
    family = asked.faults or family_of(asked.seed)
    with mutated(asked.mutation):
        ended = run(asked.seed, family)
    if asked.trace:
        print("\n".join(ended.trace))
    print(f"seed {asked.seed}, {family}, {dict(ended.counts)}, {len(ended.conflicts)} conflicts")
    print(f"digest {ended.digest}")
    print("\n".join(ended.violations) or "ok")
    return bool(ended.violations)


def _many(asked: argparse.Namespace) -> int:
    tally, began_s = Tally(), time.monotonic()
    due_s = itertools.count(began_s + TOLD_EVERY_S, TOLD_EVERY_S)
    next_s = next(due_s)
    for outcome in sweep(settings(asked), asked.jobs):
        tally.add(outcome)
        if outcome.violations:
            _tell_violation(outcome, asked.mutation)
        if time.monotonic() > next_s:
            next_s = next(due_s)
            print(f"{tally.n_seeds}/{asked.seeds} seeds, {tally.n_red} red", file=sys.stderr, flush=True)
    took_s = time.monotonic() - began_s
    if asked.json:
        print(tally.as_json(asked, took_s))
    else:
        print(f"{tally.n_seeds} seeds in {took_s:.0f} s: {tally.n_red} red {dict(tally.invariants)}", end=", ")
        print(f"{tally.n_conflicts} conflicts of a zombie with a lost intent; {dict(tally.faults)}")
    return bool(tally.n_red)


def _tell_violation(outcome: Outcome, mutation: str | None) -> None:
    again = f"python -m tests.simulation --seed {outcome.seed} --faults {outcome.family} --trace"
    print(f"seed {outcome.seed}: {outcome.violations[0]}", file=sys.stderr)
    print(f"  again: {again}{f' --mutation {mutation}' if mutation else ''}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
