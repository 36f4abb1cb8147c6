"""What `make chaos` can be told, and that a run can be made again from its last line."""

import shlex
from dataclasses import replace

import pytest
from tests.chaos.catalogue import BY_THE_LOAD, CHAPTERS
from tests.chaos.crashing import parser
from tests.chaos.inside.mutations import MUTATIONS
from tests.chaos.inside.points import CODES, POINTS
from tests.chaos.options import MUTATIONS as NAMES
from tests.chaos.options import Options, parse

PROMISED = {*range(1, 24), 26, 27, 30, 31, 33}


def test_nothing_said_is_the_short_form() -> None:
    assert parse([]) == Options(events=100_000, kills=20, outage_s=30.0, seed=1)


def test_the_long_form_is_a_matter_of_parameters() -> None:
    words = "--events 1000000 --kills 200 --outage-s 300 --seed 7 --rows 1,2 --json"
    asked = parse(words.split())
    assert (asked.events, asked.kills, asked.outage_s, asked.seed) == (1_000_000, 200, 300.0, 7)
    assert asked.rows == {1, 2}
    assert asked.as_json


def test_the_command_in_the_last_line_makes_the_same_run_again() -> None:
    fewer = Options(events=2_000, kills=3, outage_s=1.5, seed=9, rate=50.0)
    asked = replace(fewer, rows=frozenset({1, 30}), mutation="no_intent", check=True)
    assert parse(shlex.split(asked.command)[3:]) == asked


@pytest.mark.parametrize("words", ["--events 10", "--rows 1,x", "--mutation none", "--kills -1", "--unknown"])
def test_what_means_nothing_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(words.split())
    assert refused.value.code == 2
    assert words.split(maxsplit=1)[0] in capsys.readouterr().err


def test_every_promised_row_is_played() -> None:
    played = {row for chapter in CHAPTERS for row in chapter.rows}
    assert played | BY_THE_LOAD.keys() == PROMISED


def test_every_point_has_a_status_of_its_own_that_nothing_else_means() -> None:
    assert len(set(CODES.values())) == len(POINTS)
    assert not set(CODES.values()) & {0, 1, 2, 70, 75, 78}
    assert max(CODES.values()) < 128


def test_the_wrapper_knows_every_mutation_that_can_be_asked_for() -> None:
    assert set(NAMES) == set(MUTATIONS)


@pytest.mark.parametrize("trap", ["save.before", "save.before:0", "nowhere:1", "save.before:x"])
def test_a_trap_that_could_never_snap_is_refused(trap: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--die", trap, "detect"])
    assert "POINT:N" in capsys.readouterr().err
