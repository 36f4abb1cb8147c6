"""Doubts add up to a score: within a layer ever less, across layers in full, in any order."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.fraud.story import CODES, default_policy

from menshen.fraud.detector import Finding
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import ANOMALY, EXPOSURE, LEARNED_RISK, OTHER_CODES, ExposureLimit, Learned
from menshen.fraud.scoring import MAX_SCORE, OTHER_LAYERS, exposure_findings, learned_findings, score_of, weigh

LAYERS = {code: detector.layer for detector in DETECTORS for code in detector.codes}
POLICY = default_policy()
ALL_CODES = sorted({*CODES, *OTHER_CODES})


def points(*doubts: tuple[str, int]) -> dict[str, int]:
    findings = [Finding(code, doubt_pm, 0, {}) for code, doubt_pm in doubts]
    return {reason.code: reason.points for reason in weigh(findings, LAYERS, POLICY)}


def score(doubts: Sequence[tuple[str, int]]) -> int:
    return score_of(weigh([Finding(code, doubt_pm, 0, {}) for code, doubt_pm in doubts], LAYERS, POLICY))


doubts = st.lists(st.tuples(st.sampled_from(ALL_CODES), st.integers(1, 1000)), max_size=14)


def test_a_certain_doubt_adds_its_whole_weight_and_a_lesser_one_its_share() -> None:
    assert points(("NEW_DEVICE", 1000)) == {"NEW_DEVICE": 320}
    assert points(("NEW_DEVICE", 500)) == {"NEW_DEVICE": 160}
    assert points(("NEW_DEVICE", 1)) == {"NEW_DEVICE": 0}


def test_within_a_layer_the_strongest_counts_in_full_the_next_half_the_third_a_quarter() -> None:
    place = points(("GPS_IP_MISMATCH", 1000), ("MOCKED_LOCATION", 1000), ("IMPOSSIBLE_TRAVEL", 1000))
    assert place == {"MOCKED_LOCATION": 450, "IMPOSSIBLE_TRAVEL": 420 // 2, "GPS_IP_MISMATCH": 260 // 4}


def test_layers_add_up_and_the_learned_scores_and_exposure_are_layers_of_their_own() -> None:
    assert points(("NEW_DEVICE", 1000), ("TYPING_MISMATCH", 1000)) == {"NEW_DEVICE": 320, "TYPING_MISMATCH": 300}
    assert points((LEARNED_RISK, 1000), (ANOMALY, 1000), ("NEW_DEVICE", 1000), (EXPOSURE, 1000)) == {
        "NEW_DEVICE": 320,
        EXPOSURE: 100,
        LEARNED_RISK: 300,
        ANOMALY: 40,
    }


def test_a_code_that_was_found_twice_counts_once_at_its_strongest() -> None:
    assert points(("NEW_DEVICE", 100), ("NEW_DEVICE", 500), ("NEW_DEVICE", 499)) == {"NEW_DEVICE": 160}


def test_the_evidence_is_that_of_the_strongest_doubt_and_of_the_first_among_equals() -> None:
    findings = [Finding("NEW_DEVICE", pm, 0, {"n": float(n)}) for n, pm in enumerate((100, 500, 500))]
    (reason,) = weigh(findings, LAYERS, POLICY)
    assert reason.evidence == {"n": 1.0}


@settings(max_examples=150)
@given(found=doubts, order=st.randoms(use_true_random=False))
def test_the_order_of_the_doubts_means_nothing(found: list[tuple[str, int]], order: object) -> None:
    shuffled = list(found)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(points(*shuffled).items()) == list(points(*found).items())


@settings(max_examples=150)
@given(found=doubts)
def test_the_score_is_the_sum_of_the_points_up_to_the_cap_and_the_most_come_first(found: list[tuple[str, int]]) -> None:
    each = points(*found)
    assert score(found) == min(MAX_SCORE, sum(each.values()))
    assert all(type(value) is int and value >= 0 for value in each.values())
    assert list(each.items()) == sorted(each.items(), key=lambda pair: (-pair[1], pair[0]))
    assert set(each) == {code for code, _ in found}


@settings(max_examples=200)
@given(found=doubts, code=st.sampled_from(ALL_CODES), doubt_pm=st.integers(1, 1000))
def test_one_doubt_more_never_lowers_the_score(found: list[tuple[str, int]], code: str, doubt_pm: int) -> None:
    assert score([*found, (code, doubt_pm)]) >= score(found)


@settings(max_examples=200)
@given(found=doubts)
def test_the_points_are_those_of_each_layer_discounted_by_itself(found: list[tuple[str, int]]) -> None:
    """Counted plainly, layer by layer."""
    strongest = {code: max(pm for other, pm in found if other == code) for code, _ in found}
    expected = {}
    for layer in {*LAYERS.values(), *OTHER_LAYERS.values()}:
        in_full = [
            (POLICY.weights[code] * pm // 1000, code)
            for code, pm in strongest.items()
            if (LAYERS.get(code) or OTHER_LAYERS[code]) == layer
        ]
        most_first = sorted(in_full, key=lambda each: (-each[0], each[1]))
        expected |= {code: n_points // 2**rank for rank, (n_points, code) in enumerate(most_first)}
    assert points(*found) == expected


def test_every_doubt_at_once_stops_at_the_cap() -> None:
    assert score([(code, 1000) for code in ALL_CODES]) == MAX_SCORE


@pytest.mark.parametrize(
    ("risk_pm", "anomaly_pm", "expected"),
    [
        (300, 700, {}),
        (0, 0, {}),
        (301, 701, {LEARNED_RISK: 1, ANOMALY: 3}),
        (650, 850, {LEARNED_RISK: 500, ANOMALY: 500}),
        (1000, 1000, {LEARNED_RISK: 1000, ANOMALY: 1000}),
    ],
)
def test_the_models_scores_weigh_from_where_policy_begins(
    risk_pm: int, anomaly_pm: int, expected: dict[str, int]
) -> None:
    found = learned_findings(risk_pm, anomaly_pm, Learned(risk_from_pm=300, anomaly_from_pm=700))
    assert {finding.code: finding.doubt_pm for finding in found} == expected
    assert all(finding.stands_ms == 0 for finding in found)


def test_every_code_that_no_detector_gives_has_a_layer() -> None:
    assert set(OTHER_LAYERS) == set(OTHER_CODES)


def test_limits_that_are_exceeded_make_one_finding_with_all_figures() -> None:
    day, month = (ExposureLimit("payee", over, "100.00", "review") for over in ("day", "month"))  # type: ignore[arg-type]
    higher = ExposureLimit("payee", "day", "500.00", "block")
    (found,) = exposure_findings({higher: Decimal("500.01"), day: Decimal("500.01"), month: Decimal("600.00")})
    assert (found.code, found.doubt_pm, found.stands_ms) == (EXPOSURE, 1000, 0)
    assert found.evidence == {
        "payee_day_total": 500.01,
        "payee_day_limit": 500.0,
        "payee_month_total": 600.0,
        "payee_month_limit": 100.0,
    }
    assert exposure_findings({}) == ()
