from dataclasses import replace as with_changes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.learn.saplings import INF, NAN, model

from menshen.contract.assessment import Observed
from menshen.contract.events import Login
from menshen.fraud.detectors.device.new_device import NewDevice
from menshen.fraud.model import ODDNESS_DECIMALS, Model, ModelError, rounded
from menshen.fraud.policy import Floor, Learned, Policy, parse_policy
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules, step
from menshen.fraud.subject import NOBODY
from menshen.shell.bundled import bundled

SCORING = model()


def test_leaves_baseline_and_calibration_make_a_probability_per_mille() -> None:
    """5 km/h: leaves 1 + 0.5, baseline -3, so log-odds of -1.5; the sigmoid makes 18.2 % of it."""
    assert SCORING.score([5.0, 1.0]).risk == 182
    assert SCORING.score([20.0, NAN]).risk == 818


def test_anomaly_is_the_share_of_honest_levels_below() -> None:
    """Depth 1.5 of 2 usual: 2 ** -0.75 = 0.5946, which 563.7 of the 1,000 levels from 0.2 to 0.9 lie below."""
    assert SCORING.score([5.0, 1.0]).anomaly == 564


def test_honest_sessions_that_are_just_as_odd_do_not_count_as_less_odd() -> None:
    levels = (round(2**-0.75, 9),) * 1000
    alike = with_changes(SCORING, anomaly=with_changes(SCORING.anomaly, levels=levels))
    assert alike.score([5.0, 1.0]).anomaly == 0


def test_an_absent_value_is_not_odd() -> None:
    """An honest median stands in for it: here that of a row at 5 km/h, not the 4 that absence leads to in the trees."""
    assert SCORING.score([NAN, NAN]).anomaly == SCORING.score([5.0, 1.0]).anomaly


def test_the_isolation_forest_reads_single_precision_and_the_boosted_trees_double() -> None:
    just_above = float(np.nextafter(10.0, 11.0))
    assert SCORING.score([just_above, 1.0]) == (SCORING.score([11.0, 1.0]).risk, SCORING.score([10.0, 1.0]).anomaly)


@given(st.floats(0, 1))
def test_oddness_is_rounded_as_its_levels_are(oddness: float) -> None:
    assert rounded(oddness) == np.round(oddness, ODDNESS_DECIMALS)


def test_scores_are_whole_numbers_from_0_to_1000() -> None:
    for value in (-1e6, 1e6):
        risk = model(value=np.full(6, value)).score([5.0, 1.0]).risk
        assert type(risk) is int
        assert risk == (0 if value < 0 else 1000)


def test_many_rows_score_as_each_does_alone() -> None:
    rows = [[5.0, 1.0], [20.0, NAN], [NAN, NAN]]
    scores = SCORING.score_all(np.array(rows))
    assert list(zip(scores.risk.tolist(), scores.anomaly.tolist(), strict=True)) == [SCORING.score(row) for row in rows]
    assert scores.risk.dtype == scores.anomaly.dtype == np.int64


def test_no_rows_have_no_scores() -> None:
    scores = SCORING.score_all(np.empty((0, 2)))
    assert scores.risk.shape == scores.anomaly.shape == (0,)


def test_the_model_takes_its_own_features_from_a_longer_row() -> None:
    wider = with_changes(SCORING, n_inputs=4, columns=(3, 1))
    assert wider.score([7.0, NAN, INF, 20.0]) == SCORING.score([20.0, NAN])


@pytest.mark.parametrize("row", [[INF, 1.0], [5.0, -INF]])
def test_an_infinite_value_is_refused(row: list[float]) -> None:
    with pytest.raises(ModelError, match="infinite"):
        SCORING.score(row)


@pytest.mark.parametrize("row", [[], [5.0], [5.0, 1.0, 2.0]])
def test_a_row_of_another_width_is_refused(row: list[float]) -> None:
    with pytest.raises(ModelError, match=f"{len(row)} values, not 2"):
        SCORING.score(row)
    with pytest.raises(ModelError, match=f"{len(row)} values, not 2"):
        SCORING.score_all(np.array([row]))


def broken(part: str, value: float = NAN) -> Model:
    """Return a model of which one part gives what is no number, as though memory had failed."""
    trees = with_changes(SCORING.risk.trees, value=np.full(6, value))
    return with_changes(SCORING, **{part: with_changes(getattr(SCORING, part), trees=trees)})


@pytest.mark.parametrize(("part", "value"), [("risk", NAN), ("anomaly", NAN), ("anomaly", -INF), ("anomaly", -1e6)])
def test_a_score_that_is_no_number_is_refused(part: str, value: float) -> None:
    with pytest.raises(ModelError, match="no number"):
        broken(part, value).score([5.0, 1.0])


def policy() -> Policy:
    """Return the bundled policy, except that a new device is blocked and that any learned score counts."""
    text = bundled("deploy/policy/default.toml").read_text()
    codes = [line.split(" = ")[0] for line in text.splitlines() if " = " in line and line[:1].isupper()]
    floors, learned = (Floor("NEW_DEVICE", 1, "block"),), Learned(risk_from_pm=0, anomaly_from_pm=0)
    return replace(parse_policy(text, codes), floors=floors, learned=learned)


def login(device_id: str, seq: int) -> Sighting:
    event = Login(
        event_id=f"e{seq}",
        subject_id="s",
        session_id=f"v{seq}",
        seq=seq,
        occurred_ms=seq * 60_000,
        received_ms=seq * 60_000,
        assurance="authenticated",
        product_id="p",
        device_id=device_id,
        outcome="success",
        method="password",
    )
    return Sighting(event, seq, event.occurred_ms, seq, Observed())


def second_device(judging: Model | None) -> Outcome:
    """Log in on one device, then on another; return what came of the second."""
    rules = Rules("t", (NewDevice(),), policy(), judging)
    return step(step(NOBODY, login("d1", 1), rules).subject, login("d2", 2), rules)


def test_a_sound_model_adds_its_reasons_and_a_block_is_a_block() -> None:
    outcome = second_device(SCORING)
    (verdict,) = outcome.verdicts
    assert (verdict.decision, verdict.degraded, verdict.versions.model) == ("block", False, "hand-made")
    assert {"LEARNED_RISK", "ANOMALY", "NEW_DEVICE"} == {reason.code for reason in verdict.reasons}


@pytest.mark.parametrize("judging", [None, broken("risk"), broken("anomaly")], ids=["none", "risk", "anomaly"])
def test_without_a_model_or_with_a_broken_one_rules_alone_judge_and_nobody_is_blocked(judging: Model | None) -> None:
    (verdict,) = second_device(judging).verdicts
    assert (verdict.decision, verdict.degraded) == ("review", True)
    assert [reason.code for reason in verdict.reasons] == ["NEW_DEVICE"]
