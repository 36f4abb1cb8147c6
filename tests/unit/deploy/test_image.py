"""The image is built from a pinned base and a lock with hashes, and its last stage only runs."""

import re
from itertools import pairwise

from tests.unit.deploy.compose import OURS, ROOT, by_default

TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
STEPS = [(line.split()[0], line.split()[1:]) for line in LINES if line.strip()]
STAGES = [at for at, (step, _) in enumerate(STEPS) if step == "FROM"]
LAST = STEPS[STAGES[-1] :]
COPIED = [words[0] for step, words in STEPS if step == "COPY" and not words[0].startswith("--from")]


def test_every_stage_is_built_on_the_one_base_which_is_pinned() -> None:
    default = dict(STEPS[:1])["ARG"][0].removeprefix("PYTHON_IMAGE=")
    assert re.fullmatch(r"python:3\.11[\w.-]*", default)
    assert {STEPS[at][1][0] for at in STAGES} == {"${PYTHON_IMAGE}"}
    assert {by_default(service["build"]["args"]["PYTHON_IMAGE"]) for service in OURS.values()} == {default}


def test_packages_come_from_the_lock_with_their_hashes() -> None:
    installs = [words for step, words in STEPS if step == "RUN" and "install" in words]
    assert installs
    assert [words for words in installs if "--require-hashes" not in words and "--no-deps" not in words] == []
    assert "deploy/requirements/runtime.lock" in COPIED


def test_the_last_stage_installs_nothing_and_is_nobodys_root() -> None:
    assert [words for step, words in LAST if step == "RUN" and {"pip", "apt-get", "curl"} & set(words)] == []
    users = [words[0] for step, words in LAST if step == "USER"]
    assert users and re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert ("ENTRYPOINT", ['["menshen"]']) in LAST


def test_a_builder_without_buildkit_understands_it() -> None:
    assert re.findall(r"--mount|--chmod|--link|<<|^# *syntax", TEXT, re.MULTILINE) == []


def test_what_is_copied_is_there_and_alone_reaches_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    let_through = [line.removeprefix("!") for line in rules if line.startswith("!")]
    copied = [path for step, words in STEPS if step == "COPY" and "--from=build" not in words for path in words[:-1]]
    assert rules[0] == "*"
    assert sorted(let_through) == sorted(copied)
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [a for a, b in pairwise(rules) if not a.startswith("!") and b.startswith("!") and a != "*"] == []


def test_the_package_is_built_from_everything_that_it_bundles() -> None:
    bundled = re.findall(r'^"(.+)" = "menshen/bundled', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert bundled and [path for path in bundled if path not in COPIED] == []
