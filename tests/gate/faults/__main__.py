"""Plays simulations of the gate under faults: the code as it is, or with one part taken out.

    python -m tests.gate.faults [--seeds 100] [--first 0] [--climate storm] [--without PART | --each] [--json]

Status 0: every invariant held (with `--without` and `--each`: every part that was taken out was missed); 1 otherwise.
"""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator

import structlog
from pytest import MonkeyPatch
from tests.gate.faults.mutations import MUTATIONS
from tests.gate.faults.simulation import Outcome, simulate
from tests.gate.faults.stage.weather import CLIMATES, Climate


def main() -> int:
    """Play, and say what was seen."""
    asked = _asked()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.each or asked.without:
        missed = [_take_out(name, seeds) for name in ([asked.without] if asked.without else MUTATIONS)]
        return 0 if all(missed) else 1
    return _play(seeds, CLIMATES[asked.climate], as_json=asked.json)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gate.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many simulations")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--climate", choices=CLIMATES, default="storm")
    parser.add_argument("--without", choices=MUTATIONS, metavar="PART", help=f"one of: {', '.join(MUTATIONS)}")
    parser.add_argument("--each", action="store_true", help="take out one part after the other, and count its seeds")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    return parser.parse_args()


def _play(seeds: range, climate: Climate, *, as_json: bool) -> int:
    began_s, struck, n_paid, red = time.monotonic(), Counter[str](), 0, list[int]()
    for seed, outcome in _outcomes(seeds, climate):
        struck += outcome.struck
        n_paid += outcome.n_paid
        if outcome.violations:
            red.append(seed)
            print(f"seed {seed}: {outcome.violations}", flush=True)
    figures = {"seeds": len(seeds), "red": red, "paid": n_paid, "seconds": round(time.monotonic() - began_s, 1)}
    print(json.dumps(figures | {"struck": dict(sorted(struck.items()))}) if as_json else figures)
    return 1 if red else 0


def _take_out(name: str, seeds: range) -> bool:
    """Play without a part, and say whether the invariant that needs it was broken."""
    mutation, noticed = MUTATIONS[name], Counter[str]()
    with MonkeyPatch.context() as patch:
        mutation.do(patch)
        for _, outcome in _outcomes(seeds, mutation.climate):
            noticed.update(outcome.violations.keys())
    by_name = ", ".join(f"{invariant} {n}" for invariant, n in noticed.most_common())
    print(f"without {name}: of {len(seeds)} seeds red by {by_name or 'none'}", flush=True)
    return noticed[mutation.noticed_by] > 0


def _outcomes(seeds: range, climate: Climate) -> Iterator[tuple[int, Outcome]]:
    for seed in seeds:
        yield seed, simulate(seed, climate)


if __name__ == "__main__":
    sys.exit(main())
