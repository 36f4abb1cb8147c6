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
from tests.servers.postgres import Postgres

from menshen.demo.gate.scenarios import GATE_SCENARIOS
from menshen.demo.scenarios import SCENARIOS
from menshen.shell.bundled import bundled

NAMES = [scenario.name for scenario in (*SCENARIOS, *GATE_SCENARIOS)]
DEMO = (sys.executable, "-m", "menshen.cli", "demo")
PAID = [
    ("landlord", "3000.00"),
    ("school", "1250.50"),
    ("landlord", "2500.00"),
    ("furnisher", "4200.00"),
    ("builder", "30000.00"),
    ("builder", "25000.00"),
    ("workshop", "900.00"),
]
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
    return [one for told in (*result["scenarios"], result["ledger"]) for one in told["expectations"]]


def paid(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(entry["payee_ref"], entry["amount"]) for entry in result["ledger"]["entries"]]


def test_everything_comes_as_the_stories_say_through_real_processes() -> None:
    ended = run("--json")
    result = json.loads(ended.stdout)
    assert [one for one in expectations(result) if not one["held"]] == []
    assert (ended.returncode, result["held"]) == (0, True)
    assert [scenario["name"] for scenario in result["scenarios"]] == NAMES
    assert paid(result) == PAID
    assert result["ledger"]["sum"] == "66850.50"
    assert all(entry["verdict_id"] and entry["paid_ms"] for entry in result["ledger"]["entries"])


def test_a_policy_to_which_a_doubt_means_nothing_fails_and_is_told_where(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(bundled("deploy/policy/default.toml").read_text().replace("NEW_DEVICE = 320", "NEW_DEVICE = 0"))
    ended = run("--only", "new-phone", MENSHEN_POLICY_FILE=str(policy))
    assert ended.returncode == 1
    assert "FAILED  new-phone: login success: expected step_up NEW_DEVICE, but allow" in ended.stdout


def test_a_story_of_the_gate_ends_where_it_falls_short_and_says_what_came(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    text = bundled("deploy/policy/default.toml").read_text()
    policy.write_text(
        text.replace('of = "payee", over = "day", above = "50000.00"', 'of = "payee", over = "day", above = "90000.00"')
    )
    ended = run("--only", "called-back", "--json", MENSHEN_POLICY_FILE=str(policy))
    result = json.loads(ended.stdout)
    short = [one for one in expectations(result) if not one["held"]]
    assert ended.returncode == 1
    assert (short[0]["what"], short[0]["expected"], short[0]["got"]) == (
        "draw walls",
        "review, review EXPOSURE",
        "done, allow",
    )
    assert short[1]["what"] == "entries that no story expects"
    assert paid(result)[-1] == ("builder", "25000.00")


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
    assert [line.split()[0] for line in ended.stdout.splitlines()] == NAMES


def test_the_stories_that_go_to_the_money_hold_on_postgresql_too(postgres: Postgres) -> None:
    only = [part for scenario in GATE_SCENARIOS for part in ("--only", scenario.name)]
    with postgres.database() as url:
        done = run("--json", "--database", url, *only)
    assert done.returncode == 0, done.stderr
    assert [(entry["payee_ref"], entry["amount"]) for entry in json.loads(done.stdout)["ledger"]["entries"]] == PAID
