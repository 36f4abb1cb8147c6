"""The gate's own deaths: between a verdict and what it changes, between the change and what has to leave, and after."""

from collections import Counter

from tests.chaos.options import LONG_FORM
from tests.chaos.stage import Figures, Stage
from tests.gate.faults.crashing import STATUS
from tests.gate.faults.kills import MortalLender, killed
from tests.gate.faults.oracle import OF_REAL_PROCESSES, violations
from tests.servers.standins import Standins
from tests.servers.topics import fresh_topics


def between_verdict_and_money(stage: Stage) -> Figures:
    """Row 27: `menshen onboard` ends at each point in turn while customers draw: one transfer a draw."""
    each = 3 if stage.options.events >= LONG_FORM else 1
    folder = stage.folder / "gate"
    folder.mkdir()
    url = f"sqlite:///{folder / 'menshen.db'}"
    with (
        fresh_topics(stage.broker.running) as kafka,
        Standins() as standins,
        MortalLender(kafka, url, standins, stage.tenant, folder) as lender,
    ):
        deaths = killed(lender, each)
    elsewhere = [f"{point}: {status}" for point, status in deaths.ends if status != STATUS[point]]
    assert not elsewhere, f"processes ended otherwise than at their points: {elsewhere}"
    assert not deaths.failures, f"customers could not draw: {deaths.failures}"
    assert not (wrong := violations(deaths.seen, OF_REAL_PROCESSES)), f"wrong: {wrong}"
    stage.fleet.n_kills += len(deaths.ends)
    by_point = Counter(point for point, _ in deaths.ends)
    return {"gate_kills": by_point.total(), "transfers": len(deaths.seen.outside.bank.movements)}
