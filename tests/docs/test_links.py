"""What the pages name is there: the files they link to, make's targets, menshen's commands, options and settings."""

import re
from pathlib import Path

import click
import pytest
from tests.docs.pages import ROOT, pages, prose, read

from menshen.cli import COMMANDS, main
from menshen.shell.settings import ELSEWHERE, PREFIX, PROCESSES, is_secret

TARGETS = frozenset(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FIELDS = {name: field for process in PROCESSES for name, field in process.model_fields.items()}
SETTINGS = ELSEWHERE | {PREFIX + name.upper() for name in FIELDS}
FILES = {f"{PREFIX}{name.upper()}_FILE" for name, field in FIELDS.items() if is_secret(field)}
IN_CODE = re.compile(r"`([^`\n]+)`|^(?:    |\t)?((?:make|menshen) .*)$", re.MULTILINE)
every_page = pytest.mark.parametrize("page", pages(), ids=str)


def links(page: Path) -> list[str]:
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page))


def commands(page: Path, program: str) -> list[list[str]]:
    """Return what follows a program's name in code, word by word, wherever a page has it."""
    code = ("".join(found) for found in IN_CODE.findall(read(page)))
    return [words.split()[1:] for words in code if words.split() and words.split()[0] == program]


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    relative = [link for link in links(page) if not re.match(r"\w+://|mailto:", link)]
    folder = (ROOT / page).parent
    assert [link for link in relative if not (folder / link.partition("#")[0]).exists()] == []
    assert [link for link in relative if "#" in link and not _has_anchor(folder, *link.split("#"))] == []


def _has_anchor(folder: Path, path: str, anchor: str) -> bool:
    headings = re.findall(r"^#+ (.+)$", (folder / path).read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@every_page
def test_every_target_of_make_exists(page: Path) -> None:
    assert [words for words in commands(page, "make") if words and words[0] not in TARGETS] == []


@every_page
def test_every_command_of_menshen_and_its_options_exist(page: Path) -> None:
    named = [words for words in commands(page, "menshen") if words and not words[0].startswith("-")]
    assert [words for words in named if words[0] not in COMMANDS] == []
    assert [words for words in named if _unknown(words)] == []


def _unknown(words: list[str]) -> set[str]:
    command: click.Command | None = main
    rest = list(words)
    with click.Context(main) as context:
        while rest and isinstance(command, click.Group) and (found := command.get_command(context, rest[0])):
            command, rest = found, rest[1:]
        known = {option for parameter in command.get_params(context) for option in parameter.opts}
    options = {word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1}
    return options - known | (set(rest[:1]) - options if isinstance(command, click.Group) else set())


@every_page
def test_every_setting_exists(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", read(page)))
    assert named - SETTINGS - FILES == set()


def test_the_checks_find_what_they_look_for() -> None:
    readme, contributing = Path("README.md"), Path("CONTRIBUTING.md")
    assert ["test"] in [words[:1] for words in commands(readme, "make")]
    assert ["tail", "verdicts", "--from-beginning"] in commands(readme, "menshen")
    assert len(links(readme)) > 10
    assert {"help", "lint", "schemas"} <= {words[0] for words in commands(contributing, "make") if words}
    assert _unknown(["tail", "verdicts", "--from-begining"]) == {"--from-begining"}
    assert _unknown(["topics", "remove"]) == {"remove"}
    assert _unknown(["topics", "apply", "--fix"]) == set()
