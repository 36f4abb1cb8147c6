"""The detector of CONTRIBUTING.md, put where the page says, keeps every promise of a detector."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks, section

STEPS = "## Adding a detector"
REGISTRY, REASONS, POLICY = (
    "services/menshen/fraud/detectors/__init__.py",
    "services/menshen/fraud/reasons.py",
    "deploy/policy/default.toml",
)
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository that has followed the page's three steps."""
    ignored = shutil.ignore_patterns("__pycache__", "docs")
    for folder in ("services", "deploy", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, block in zip(paths(), python_blocks(), strict=True):
        (tmp_path / path).write_text(block)
    insert(tmp_path / REGISTRY, "from typing import Any\n", f"from {module()} import EmulatedDevice\n")
    insert(tmp_path / REGISTRY, "    NightDeviceSwitching(),\n", "    EmulatedDevice(),\n")
    insert(tmp_path / REASONS, "REASONS: Mapping[str, Explanation] = {\n", f"    {EXPLANATION},\n")
    insert(tmp_path / POLICY, "[weights]\n", "EMULATED_DEVICE = 400\n")
    return tmp_path


EXPLANATION = '"EMULATED_DEVICE": Explanation(Text("此设备是模拟器。", "The SDK calls it an emulator."), _DEVICE)'


LOAD_POLICY = f"""
from pathlib import Path
from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import parse_policy
parse_policy(Path("{POLICY}").read_text(), [code for detector in DETECTORS for code in detector.codes])
"""


def paths() -> list[str]:
    return re.findall(r"^\*\*\d\. The (?:file|test)\*\*, `([\w/.]+)`:", section("CONTRIBUTING.md", STEPS), re.MULTILINE)


def python_blocks() -> list[str]:
    return [block.text for block in blocks("CONTRIBUTING.md") if block.language == "python"]


def module() -> str:
    return paths()[0].removeprefix("services/").removesuffix(".py").replace("/", ".")


def insert(file: Path, below: str, line: str) -> None:
    before, found, after = file.read_text().partition(below)
    assert found
    file.write_text(before + below + line + after)


def run(copy: Path, *command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'services'}:{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_example_keeps_every_promise_of_a_detector(copy: Path) -> None:
    pytest_here = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    promises = ("tests/contract/test_every_detector.py", "tests/unit/fraud/test_reasons.py", "tests/architecture")
    run(copy, *pytest_here, "-k", "emulated_device or EMULATED_DEVICE or registry", *promises)
    run(copy, *pytest_here, paths()[1])
    run(copy, sys.executable, "-c", LOAD_POLICY)


def test_the_example_is_written_as_the_code_is(copy: Path) -> None:
    run(copy, sys.executable, "-m", "ruff", "check", "--no-cache", *paths())
    run(copy, sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *paths())
