"""The demonstration as a visitor runs it: real processes, the embedded broker and Valkey, and its own exit status."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from menshen.demo.scenarios import SCENARIOS
from menshen.shell.bundled import bundled

DEMO = (sys.executable, "-m", "menshen.cli", "demo")
pytestmark = pytest.mark.timeout(180)


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [*DEMO, *arguments]
    return subprocess.run(command, check=False, env=environment(settings), capture_output=True, text=True, timeout=170)


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [*DEMO, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment({}), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def said_until(process: "subprocess.Popen[str]", last: str) -> list[str]:
    """Return the lines that a process prints up to one that holds `last`."""
    lines = list[str]()
    for line in process.stdout or ():
        lines.append(line)
        if last in line:
            return lines
    raise AssertionError("".join([f"ended without {last!r}\n", *lines, *(process.stderr or ())]))


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MENSHEN_")}
    return {**ours, **settings}


def expectations(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for scenario in result["scenarios"] for one in scenario["expectations"]]


def test_everything_comes_as_the_stories_say_through_real_processes() -> None:
    ended = run("--json")
    result = json.loads(ended.stdout)
    assert [one for one in expectations(result) if not one["held"]] == []
    assert (ended.returncode, result["held"]) == (0, True)
    assert [scenario["name"] for scenario in result["scenarios"]] == [scenario.name for scenario in SCENARIOS]
    assert result["seconds"] < 90


def test_a_policy_to_which_a_doubt_means_nothing_fails_and_is_told_where(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(bundled("deploy/policy/default.toml").read_text().replace("NEW_DEVICE = 320", "NEW_DEVICE = 0"))
    ended = run("--only", "new-phone", MENSHEN_POLICY_FILE=str(policy))
    assert ended.returncode == 1
    assert "FAILED  new-phone: login success: expected step_up NEW_DEVICE, but allow" in ended.stdout


def test_it_stays_up_where_asked_to_and_ctrl_c_then_ends_it_well() -> None:
    with running("--only", "broken-records", "--hold") as process:
        said = said_until(process, "Ctrl-C ends it.")
        assert any("MENSHEN_KAFKA_BOOTSTRAP_SERVERS=" in line for line in said)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_ctrl_c_in_the_middle_ends_everything_quietly() -> None:
    with running() as process:
        said_until(process, "new-phone")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


def test_the_list_of_scenarios_needs_no_server() -> None:
    ended = run("--list")
    assert [line.split()[0] for line in ended.stdout.splitlines()] == [scenario.name for scenario in SCENARIOS]
