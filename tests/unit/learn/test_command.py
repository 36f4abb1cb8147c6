import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from menshen.commands.learn import LEAST_AUC, MARKS, bar, learn, report
from menshen.fraud.detectors import FEATURES
from menshen.shell.bundled import bundled
from menshen.shell.models import load, read_manifest

pytestmark = pytest.mark.slow

SHIPPED = read_manifest(bundled("deploy/models/default"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(learn, [*arguments, "--subjects", "50"])


def test_without_scikit_learn_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith(("menshen.learn", "sklearn."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run("--out", str(tmp_path))
    assert result.exit_code == 2
    assert "pip install 'menshen[learn]'" in result.output


def test_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("--out", str(tmp_path / "file" / "model"))
    assert result.exit_code == 2
    assert "Not a directory" in result.output


def test_it_trains_prints_the_manifest_and_leaves_a_model_that_loads(tmp_path: Path) -> None:
    result = run("--out", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    manifest = json.loads(result.stdout)
    assert manifest["about"]["generated"] is True
    assert load(tmp_path, FEATURES).version.endswith(manifest["sha256"][:12])


def test_a_model_hardly_better_than_chance_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    poor = replace(SHIPPED, metrics=SHIPPED.metrics | {"risk_auc": LEAST_AUC - 0.01})
    with pytest.raises(SystemExit) as end:
        report(poor, Path("out"), as_json=True)
    assert end.value.code == 1
    assert json.loads(capsys.readouterr().out)["metrics"]["risk_auc"] == LEAST_AUC - 0.01


def test_a_summary_shows_a_picture_first_and_says_that_all_was_generated(capsys: pytest.CaptureFixture[str]) -> None:
    report(SHIPPED, Path("out"), as_json=False)
    shown = capsys.readouterr().out
    assert "GENERATED" in shown.splitlines()[1]
    assert 0 < shown.index(MARKS[-1]) < shown.index("recall at 1pct")


def test_a_bar_is_as_long_as_its_share_and_never_hides_a_few() -> None:
    assert bar(1.0, 20) == "█" * 20
    assert bar(0.5, 3) == "█▌"
    assert bar(1e-9, 20) == "▏"
    assert bar(0.0, 20) == ""
