"""The README does what it says: its blocks are run as they are printed, in two terminals, and print what it shows."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import ROOT, Block, blocks

from menshen.fraud.policy import LEARNED_CODES

pytestmark = pytest.mark.timeout(180)
ANSWER_S = 60.0
BLOCKS = blocks("README.md")
LEARNED = re.compile(rf" ?\([A-Z_ ]+\)|(, )?({'|'.join(LEARNED_CODES)}) \+\d+")
"""What the learned score adds: another model adds something else, and the README says that it may not come."""


def block(language: str, holding: str) -> Block:
    (found,) = (b for b in BLOCKS if b.language == language and holding in b.text)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which both terminals are: as the repository's own, with the environment of this run."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text(f"PATH='{Path(sys.executable).parent}':$PATH\n")
    return folder


@contextmanager
def terminal(folder: Path, command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a block in a shell until it ends, or press Ctrl-C at the end; nothing of it stays."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MENSHEN_")}
    environment = {**ours, "PYTHONPATH": str(ROOT / "services"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        ["bash", "-ec", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)


def line_of(process: "subprocess.Popen[str]", holding: str) -> str:
    """Return the first line that a terminal shows with this in it."""
    seen = list[str]()
    until_s = time.monotonic() + ANSWER_S
    for line in process.stdout or ():
        if holding in line:
            return line
        seen.append(line)
        assert time.monotonic() < until_s, "".join(seen)
    raise AssertionError("".join(["ended without it: ", holding, "\n", *seen]))


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Path]:
    """The first terminal, with everything running."""
    with terminal(folder, block("sh", "menshen up").text) as process:
        line_of(process, "Menshen is up")
        yield folder
    assert not (folder / ".menshen" / "env").exists(), "the addresses outlive what they lead to"


def in_second_terminal(command: str) -> str:
    return f". .venv/bin/activate; . .menshen/env\n{command}"


def test_the_snippets_print_what_the_readme_shows(up: Path) -> None:
    snippets = [b.text for b in BLOCKS if b.language == "python"]
    assert [text.count("\n") - text.count("\n\n") <= 12 for text in snippets] == [True, True, True]
    (up / "first.py").write_text("\n".join(snippets))
    with terminal(up, in_second_terminal("python first.py")) as process:
        said, _ = process.communicate(timeout=ANSWER_S)
    assert said == block("text", "Place(").text + block("text", "open\n").text


def test_the_command_line_shows_the_line_and_the_verdict_of_the_readme(up: Path) -> None:
    shown, laid_out = block("text", "app-2").text.strip(), json.loads(block("json", "app-2").text)
    with terminal(up, block("sh", "menshen emit").text) as process:
        line = line_of(process, "app-2").strip()
    assert comparable_line(line) == comparable_line(shown)
    with terminal(up, in_second_terminal("menshen tail verdicts --from-beginning --json")) as process:
        verdict = json.loads(line_of(process, "app-2"))
    assert comparable(verdict) == comparable(laid_out)
    assert verdict["expires_ms"] - verdict["decided_ms"] == laid_out["expires_ms"] - laid_out["decided_ms"]


def comparable_line(line: str) -> str:
    """Leave out the time, the score and what the learned score adds to it."""
    return LEARNED.sub("", re.sub(r"^\S+ \S+|(?<=review) +\d+", "", line))


def comparable(verdict: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from run to run, and what another model makes different."""
    passing = {"verdict_id", "event_id", "session_id", "decided_ms", "expires_ms", "score"}
    reasons = [reason for reason in verdict["reasons"] if reason["code"] not in LEARNED_CODES]
    stays = {name: value for name, value in verdict.items() if name not in passing}
    return stays | {"reasons": reasons, "versions": dict.fromkeys(verdict["versions"])}


def test_the_rows_of_the_demo_are_rows_of_the_demo(folder: Path) -> None:
    with terminal(folder, ". .venv/bin/activate; menshen demo --json 2>/dev/null") as process:
        said, _ = process.communicate(timeout=150)
    played = {
        (scenario["name"], row["what"], row["expected"], LEARNED.sub("", row["got"]))
        for scenario in json.loads(said)["scenarios"]
        for row in scenario["expectations"]
    }
    rows = demo_rows(block("text", "┃ scenario").text)
    assert len(rows) > 5
    assert [row for row in rows if row not in played] == []
    assert len({name for name, *_ in played}) == 19, "the README says how many stories there are"


def demo_rows(table: str) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table, those that go over several lines joined, each with its scenario's name."""
    rows = list[list[str]]()
    for line in table.splitlines()[1:]:
        *cells, mark = [cell.strip() for cell in line.strip("│").split("│")]
        if mark:
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
    for above, row in pairwise(rows):
        row[0] = row[0] or above[0]
    return [(scenario, what, expected, LEARNED.sub("", got)) for scenario, what, expected, got in rows]
