"""Evidence fusion: from doubts to points that add up to the score.

Doubts of one layer often have one cause, so the strongest counts in full, the next half, the one after a quarter, and
so on; layers add up, since they fail independently. The learned scores form a layer of their own, and so does exposure.
The points of the reasons are what was added: their sum is the score, up to the cap.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from menshen.contract.assessment import Reason
from menshen.fraud.detector import CERTAIN, Finding
from menshen.fraud.policy import ANOMALY, EXPOSURE, LEARNED_RISK, ExposureLimit, Learned, Policy

MAX_SCORE = 1000
LEARNED_LAYER = "learned"
OTHER_LAYERS: Mapping[str, str] = {LEARNED_RISK: LEARNED_LAYER, ANOMALY: LEARNED_LAYER, EXPOSURE: "exposure"}
"""The layer of each code that no detector gives."""


def learned_findings(risk_pm: int, anomaly_pm: int, learned: Learned) -> tuple[Finding, ...]:
    """Return the doubts that the model's two scores (per mille) amount to, above the level where policy begins."""
    levels = ((LEARNED_RISK, risk_pm, learned.risk_from_pm), (ANOMALY, anomaly_pm, learned.anomaly_from_pm))
    return tuple(
        Finding(code, (score - start) * 1000 // (1000 - start), 0, {"per_mille": float(score)})
        for code, score, start in levels
        if (score - start) * 1000 // (1000 - start) > 0
    )


def exposure_findings(exceeded: Mapping[ExposureLimit, Decimal]) -> tuple[Finding, ...]:
    """Return one finding for all limits that are exceeded; its figures are for people, the comparison was exact."""
    figures = dict[str, float]()
    for limit, total in sorted(exceeded.items(), key=lambda one: Decimal(one[0].above)):
        what = f"{limit.of}_{limit.over}"
        figures |= {f"{what}_total": float(total), f"{what}_limit": float(limit.above)}
    return (Finding(EXPOSURE, CERTAIN, 0, figures),) if exceeded else ()


def weigh(findings: Iterable[Finding], layers: Mapping[str, str], policy: Policy) -> tuple[Reason, ...]:
    """Return one reason a code, most points first; a code that was found twice counts once, at its strongest."""
    strongest: dict[str, Finding] = {}
    for finding in findings:
        if finding.code not in strongest or strongest[finding.code].doubt_pm < finding.doubt_pm:
            strongest[finding.code] = finding
    by_layer: dict[str, list[Reason]] = defaultdict(list)
    for code, finding in strongest.items():
        points = policy.weights[code] * finding.doubt_pm // 1000
        layer = layers.get(code) or OTHER_LAYERS[code]
        by_layer[layer].append(Reason(code=code, points=points, evidence=finding.evidence))
    discounted = (reason for reasons in by_layer.values() for reason in _discount(reasons))
    return tuple(sorted(discounted, key=_most_points_first))


def score_of(reasons: Iterable[Reason]) -> int:
    """Return the sum of the points, at most `MAX_SCORE`."""
    return min(MAX_SCORE, sum(reason.points for reason in reasons))


def _discount(reasons: list[Reason]) -> Iterable[Reason]:
    for rank, reason in enumerate(sorted(reasons, key=_most_points_first)):
        yield Reason(code=reason.code, points=reason.points >> rank, evidence=reason.evidence)


def _most_points_first(reason: Reason) -> tuple[int, str]:
    return -reason.points, reason.code
