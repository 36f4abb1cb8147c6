"""Evidence fusion: from doubts to points that add up to the score.

Doubts of one layer often have one cause, so the strongest counts in full, the next half, the one after a quarter, and
so on; layers add up, since they fail independently. The learned scores form a layer of their own, and so does exposure.
The points of the reasons are what was added: their sum is the score, up to the cap.
"""

from collections.abc import Mapping, Sequence
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
        [
            Finding(code, (score - start) * 1000 // (1000 - start), 0, {"per_mille": float(score)})
            for code, score, start in levels
            if score > start
        ]
    )


def exposure_findings(exceeded: Mapping[ExposureLimit, Decimal]) -> tuple[Finding, ...]:
    """Return one finding for all limits that are exceeded; its figures are for people, the comparison was exact."""
    if not exceeded:
        return ()
    figures: dict[str, float] = {}
    for limit, total in sorted(exceeded.items(), key=lambda one: Decimal(one[0].above)):
        what = f"{limit.of}_{limit.over}"
        figures |= {f"{what}_total": float(total), f"{what}_limit": float(limit.above)}
    return (Finding(EXPOSURE, CERTAIN, 0, figures),)


def weigh(findings: Sequence[Finding], layers: Mapping[str, str], policy: Policy) -> tuple[Reason, ...]:
    """Return one reason a code, most points first; a code that was found twice counts once, at its strongest."""
    if not findings:
        return ()
    if len(findings) == 1:
        (only,) = findings
        points = policy.weights[only.code] * only.doubt_pm // 1000
        return (Reason(code=only.code, points=points, evidence=only.evidence),)
    strongest: dict[str, Finding] = {}
    for finding in findings:
        known = strongest.get(finding.code)
        if known is None or known.doubt_pm < finding.doubt_pm:
            strongest[finding.code] = finding
    found = [(policy.weights[code] * finding.doubt_pm // 1000, code) for code, finding in strongest.items()]
    found.sort(key=_most_points_first)
    n_stronger: dict[str, int] = {}
    discounted: list[tuple[int, str]] = []
    for points, code in found:
        layer = layers.get(code) or OTHER_LAYERS[code]
        rank = n_stronger.get(layer, 0)
        n_stronger[layer] = rank + 1
        discounted.append((points >> rank, code))
    discounted.sort(key=_most_points_first)
    return tuple([Reason(code=code, points=points, evidence=strongest[code].evidence) for points, code in discounted])


def score_of(reasons: Sequence[Reason]) -> int:
    """Return the sum of the points, at most `MAX_SCORE`."""
    return min(MAX_SCORE, sum([reason.points for reason in reasons])) if reasons else 0


def _most_points_first(found: tuple[int, str]) -> tuple[int, str]:
    return -found[0], found[1]
