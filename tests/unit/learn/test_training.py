from pathlib import Path

import numpy as np
import pytest

from menshen.fraud.detectors import FEATURES
from menshen.learn.rehearsal import Rows
from menshen.learn.training import SHARES, deal, train
from menshen.learn.visits import HONEST
from menshen.shell.models import ARRAYS, MANIFEST, Manifest, load, read_manifest

pytestmark = pytest.mark.slow

PROGRESS = list[tuple[str, int, int]]()


def small(out_dir: Path) -> Manifest:
    return train(out_dir, seed=3, n_subjects=40, progress=lambda *said: PROGRESS.append(said))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out_dir = tmp_path_factory.mktemp("models") / "first"
    small(out_dir)
    return out_dir


def test_the_same_seed_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    small(tmp_path)
    for file in (ARRAYS, MANIFEST):
        assert (tmp_path / file).read_bytes() == (trained / file).read_bytes()


def test_what_was_trained_loads_and_says_that_it_was_generated(trained: Path) -> None:
    model, manifest = load(trained, FEATURES), read_manifest(trained)
    assert model.version == f"generated-{manifest.sha256[:12]}"
    assert manifest.about["generated"] is True
    assert "generated" in str(manifest.about["warning"])
    assert manifest.features == FEATURES
    assert set(manifest.typical) == set(FEATURES)


def test_even_a_small_population_teaches_something(trained: Path) -> None:
    metrics = read_manifest(trained).metrics
    assert metrics["risk_auc"] > 0.8  # type: ignore[operator]
    assert metrics["brier"] < metrics["brier_of_the_mean"]  # type: ignore[operator]


@pytest.mark.usefixtures("trained")
def test_progress_is_told_and_reaches_its_end() -> None:
    stages = list(dict.fromkeys(what for what, _, _ in PROGRESS))
    assert stages == ["generating sessions", "judging generated events", "fitting", "measuring"]
    judged = [(done, of) for what, done, of in PROGRESS if what == "judging generated events"]
    assert judged[-1][0] == judged[-1][1]


def test_who_belongs_together_is_dealt_to_one_share_and_each_kind_to_every_share() -> None:
    subjects = [f"s{i}" for i in range(50)] + [f"f{i}-s{j}" for i in range(10) for j in range(3)]
    stories = [HONEST] * 40 + ["theft"] * 10 + ["farm"] * 30
    rows = Rows(np.zeros((80, 1)), np.array(stories), np.array(subjects))
    dealt = deal(rows, np.random.default_rng(1))
    groups = [subject.split("-")[0] for subject in subjects]
    assert all(len(set(dealt[[g == group for g in groups]])) == 1 for group in groups)
    for story in (HONEST, "theft", "farm"):
        assert set(dealt[rows.stories == story]) == set(SHARES)


def test_a_victim_and_his_thief_are_dealt_to_one_share() -> None:
    rows = Rows(np.zeros((40, 1)), np.array([HONEST, "theft"] * 20), np.array([f"s{i // 2}" for i in range(40)]))
    dealt = deal(rows, np.random.default_rng(1))
    assert (dealt[::2] == dealt[1::2]).all()
