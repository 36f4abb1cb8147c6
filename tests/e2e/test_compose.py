"""The deployment as an operator runs it: built, brought up, asked for a verdict, and left alone with its faults."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.docs.pages import blocks
from tests.servers.compose import BUILD_S, ROOT, Deployment, deployment, run_compose
from tests.servers.sources import PassedOver

pytestmark = pytest.mark.timeout(BUILD_S + 300)
BLOCKS = blocks("README.md")


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Everything, with the stand-ins of the services outside, brought up by one command and in order."""
    try:
        with deployment(tmp_path_factory.mktemp("deployment")) as compose:
            compose("--profile", "demo", "up", "--detach")
            for service in ("detect", "onboard", "standins"):
                compose.wait_until(service, ".State.Health.Status", "healthy")
            yield compose
    except PassedOver as reason:
        pytest.skip(str(reason))


def test_the_event_of_the_readme_gets_its_verdict(compose: Deployment) -> None:
    snippets = "\n".join(block.text for block in BLOCKS if block.language == "python")
    (shown,) = (block.text for block in BLOCKS if block.language == "text" and "Place(" in block.text)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MENSHEN_")}
    told = {
        "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": compose.bootstrap_servers,
        "MENSHEN_VERIFY_KEYS_FILE": str(compose.secrets / "signing.pub"),
        "PYTHONPATH": str(ROOT / "services"),
    }
    done = subprocess.run(
        [sys.executable, "-c", snippets], env=inherited | told, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout == shown, done.stderr


def test_topics_and_tables_are_made_before_anything_is_served(compose: Deployment) -> None:
    assert compose.inspect("setup", ".State.ExitCode") == "0"
    assert compose("logs", "setup").count(" created") == 6
    made = compose("exec", "-T", "onboard", "menshen", "api-keys", "new", "--role", "service", "--name", "back-end")
    assert len(made.split()) == 1


def test_a_process_is_not_root_and_can_change_nothing_of_the_image(compose: Deployment) -> None:
    assert compose("exec", "-T", "detect", "id", "-u").strip() == "10001"
    said = compose("exec", "-T", "detect", "sh", "-c", "touch /x /opt/menshen/x 2>&1 || true")
    assert said.count("Read-only file system") == 2


def test_what_built_the_package_is_not_in_the_image(compose: Deployment) -> None:
    installed = compose("exec", "-T", "detect", "ls", "/opt/menshen/lib/python3.11/site-packages").split()
    assert "menshen" in installed
    assert {"hatchling", "editables", "pip", "pytest"} & set(installed) == set()


def test_a_process_that_crashes_is_restarted(compose: Deployment) -> None:
    before = int(compose.inspect("detect", ".RestartCount"))
    compose("exec", "-T", "detect", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
    compose.wait_until("detect", ".RestartCount", str(before + 1))
    compose.wait_until("detect", ".State.Health.Status", "healthy")


def test_a_process_that_refuses_is_held_and_not_restarted(compose: Deployment) -> None:
    folder = compose.secrets.with_name("spoilt")
    shutil.copytree(compose.secrets, folder)
    (folder / "signing.key").write_text((folder / "pepper").read_text())
    compose("up", "--detach", "--no-deps", "detect", SECRETS_DIR=str(folder))
    compose.wait_until("detect", ".State.Health.Status", "unhealthy")
    assert compose.inspect("detect", ".State.Status") == "running"
    assert compose.inspect("detect", ".RestartCount") == "0"
    assert "status 78: not restarted" in compose("logs", "detect")
    compose("stop", "detect")
    assert compose.inspect("detect", ".State.ExitCode") == "78"


def test_without_secrets_nothing_is_started_and_the_message_says_how_to_make_them() -> None:
    try:
        done = run_compose("config", SECRETS_DIR="")
    except PassedOver as reason:
        pytest.skip(str(reason))
    assert done.returncode != 0
    assert "run deploy/compose/secrets.sh first" in done.stderr
