"""The two scripts of the deployment, run as they are: one makes the secrets, one holds what refuses."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.deploy.compose import COMPOSE, ROOT, SERVICES

from menshen.contract.signature import BadSignature, TrustedKeys
from menshen.shell.signing import Signer

FOLDER = Path("deploy/compose")
HOLD = ROOT / FOLDER / "hold-refusals"


def make_secrets(checkout: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([checkout / FOLDER / "secrets.sh"], cwd="/", capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the script takes itself to be in the repository."""
    (tmp_path / FOLDER).mkdir(parents=True)
    shutil.copy(ROOT / FOLDER / "secrets.sh", tmp_path / FOLDER)
    return tmp_path


@pytest.fixture
def made(checkout: Path) -> Path:
    assert make_secrets(checkout).returncode == 0
    return checkout / FOLDER / "secrets"


def test_it_makes_exactly_the_files_that_the_compose_file_names(checkout: Path, made: Path) -> None:
    named = [secret["file"] for secret in COMPOSE["secrets"].values()] + SERVICES["postgres"]["env_file"]
    assert sorted(path.name for path in made.iterdir()) == sorted(file.rpartition("/")[2] for file in named)
    assert (checkout / ".env").read_text() == "SECRETS_DIR=./deploy/compose/secrets\n"


def test_the_keys_are_a_pair_that_signs_and_checks_verdicts(made: Path) -> None:
    signer = Signer((made / "signing.key").read_text())
    trusted = TrustedKeys.from_pem((made / "signing.pub").read_text())
    trusted.verify(b"verdict", signer.headers(b"verdict"))
    with pytest.raises(BadSignature):
        trusted.verify(b"another", signer.headers(b"verdict"))
    assert len((made / "pepper").read_text().strip()) == 64


def test_a_server_and_its_clients_have_one_password(made: Path) -> None:
    assert_same(made, ("valkey.conf", "requirepass (.+)"), ("redis_url", "redis://:(.+)@valkey:6379/0"))
    assert_same(
        made, ("postgres.env", "POSTGRES_PASSWORD=(.+)"), ("database_url", "menshen:(.+)@postgres:5432/menshen")
    )


def assert_same(folder: Path, *places: tuple[str, str]) -> None:
    server, client = (re.findall(pattern, (folder / file).read_text()) for file, pattern in places)
    assert server == client and len(server[0]) == 48


def test_nobody_else_of_this_machine_can_look_into_the_folder(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o644}


def test_what_is_there_already_is_left_as_it_is(checkout: Path, made: Path) -> None:
    before = {path.name: path.read_text() for path in made.iterdir()}
    again = make_secrets(checkout)
    assert again.returncode == 1
    assert "exists already; nothing was changed" in again.stderr
    assert {path.name: path.read_text() for path in made.iterdir()} == before
    assert sorted(path.name for path in (checkout / FOLDER).iterdir()) == ["secrets", "secrets.sh"]


def test_no_two_deployments_have_a_secret_in_common(tmp_path: Path) -> None:
    written = list[str]()
    for name in ("one", "other"):
        (tmp_path / name / FOLDER).mkdir(parents=True)
        shutil.copy(ROOT / FOLDER / "secrets.sh", tmp_path / name / FOLDER)
        make_secrets(tmp_path / name)
        written += [path.read_text() for path in (tmp_path / name / FOLDER / "secrets").iterdir()]
    assert len(written) == len(set(written)) == 14


def test_git_never_sees_them() -> None:
    paths = [f"{FOLDER}/secrets/pepper", f"{FOLDER}/secrets.x1Y2z3/pepper"]
    asked = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout.split() == paths


@contextmanager
def held(command: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([HOLD, "sh", "-c", command], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said_until(process: "subprocess.Popen[str]", holding: str) -> str:
    assert process.stderr
    return next(line for line in process.stderr if holding in line)


@pytest.mark.parametrize("status", [0, 1, 70, 75])
def test_a_command_that_may_be_restarted_ends_with_its_own_status(status: int) -> None:
    with held(f"exit {status}") as process:
        assert process.wait() == status


def test_a_command_that_is_killed_ends_with_the_status_of_a_signal() -> None:
    with held("kill -9 $$") as process:
        assert process.wait() == 128 + signal.SIGKILL


@pytest.mark.parametrize("status", [2, 78])
def test_a_command_that_a_restart_would_not_help_is_held_until_told_to_end(status: int) -> None:
    with held(f"echo why >&2; exit {status}") as process:
        assert f"status {status}: not restarted" in said_until(process, "hold-refusals")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == status


def test_a_command_is_told_to_end_and_may_take_its_time() -> None:
    drains = "trap 'sleep 0.2; echo drained >&2; exit 0' TERM; echo up >&2; while :; do sleep 0.05; done"
    with held(drains) as process:
        said_until(process, "up")
        process.send_signal(signal.SIGTERM)
        assert said_until(process, "drained")
        assert process.wait() == 0
