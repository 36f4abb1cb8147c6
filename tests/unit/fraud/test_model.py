from dataclasses import replace as with_changes

import numpy as np
import pytest
from msgspec.structs import replace
from tests.unit.learn.saplings import INF, NAN, model

from menshen.contract.assessment import Observed
from menshen.contract.events import Login
from menshen.fraud.detectors.device.new_device import NewDevice
from menshen.fraud.model import Model, ModelError
from menshen.fraud.policy import Floor, Learned, Policy, parse_policy
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Outcome, Rules, step
from menshen.fraud.subject import NOBODY
from menshen.shell.bundled import bundled

SCORING = model()


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values)


def test_leaves_baseline_and_calibration_make_a_probability_per_mille() -> None:
    """5 km/h: leaves 1 + 0.5, baseline -3, so log-odds of -1.5; the sigmoid makes 18.2 % of it."""
    assert SCORING.score(rows([5.0, 1.0])).risk.tolist() == [182]
    assert SCORING.score(rows([20.0, NAN])).risk.tolist() == [818]


def test_anomaly_is_the_share_of_honest_levels_below() -> None:
    """Depth 1.5 of 2 usual: 2 ** -0.75 = 0.5946, which 563.7 of the 1,000 levels from 0.2 to 0.9 lie below."""
    assert SCORING.score(rows([5.0, 1.0])).anomaly.tolist() == [564]


def test_honest_sessions_that_are_just_as_odd_do_not_count_as_less_odd() -> None:
    levels = np.full(1000, round(2**-0.75, 9))
    alike = with_changes(SCORING, anomaly=with_changes(SCORING.anomaly, levels=levels))
    assert alike.score(rows([5.0, 1.0])).anomaly.tolist() == [0]


def test_an_absent_value_is_not_odd() -> None:
    """An honest median stands in for it: here that of a row at 5 km/h, not the 4 that absence leads to in the trees."""
    assert SCORING.score(rows([NAN, NAN])).anomaly == SCORING.score(rows([5.0, 1.0])).anomaly


def test_scores_are_whole_numbers_from_0_to_1000() -> None:
    for value in (-1e6, 1e6):
        scores = model(value=np.full(6, value)).score(rows([5.0, 1.0]))
        assert scores.risk.dtype == np.int64
        assert scores.risk.tolist() == [0 if value < 0 else 1000]


def test_the_model_takes_its_own_features_from_a_longer_row() -> None:
    wider = with_changes(SCORING, n_inputs=4, columns=np.array([3, 1]))
    scores = wider.score(rows([7.0, NAN, INF, 20.0]))
    assert scores.risk == SCORING.score(rows([20.0, NAN])).risk


@pytest.mark.parametrize("row", [[INF, 1.0], [5.0, -INF]])
def test_an_infinite_value_is_refused(row: list[float]) -> None:
    with pytest.raises(ModelError, match="infinite"):
        SCORING.score(rows([5.0, 1.0], row))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ModelError, match="shape"):
        SCORING.score(rows([5.0, 1.0, 2.0]))
    with pytest.raises(ModelError, match="shape"):
        SCORING.score(np.array([5.0, 1.0]))


def broken(part: str) -> Model:
    """Return a model of which one part gives what is no number, as though memory had failed."""
    trees = with_changes(SCORING.risk.trees, value=np.full(6, NAN))
    return with_changes(SCORING, **{part: with_changes(getattr(SCORING, part), trees=trees)})


@pytest.mark.parametrize("part", ["risk", "anomaly"])
def test_a_score_that_is_no_number_is_refused(part: str) -> None:
    with pytest.raises(ModelError, match="no number"):
        broken(part).score(rows([5.0, 1.0]))


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
