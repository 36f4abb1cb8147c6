"""The deployment as an operator runs it: built, brought up, asked for a verdict, and left alone with its faults."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.docs.pages import blocks
from tests.servers.compose import BUILD_S, ROOT, Deployment, deployment, run_compose
from tests.servers.customers import VISIT, Customer
from tests.servers.onboard import Api
from tests.servers.sources import PassedOver
from tests.servers.standins import call

from menshen.client import EventProducer
from menshen.contract.events import Device, Event, GpsFix, Location, Login
from menshen.onboard.desk import clock_ms

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
    shown = [block.text for block in BLOCKS if block.language == "text" and block.text.startswith(("Place(", "open"))]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MENSHEN_")}
    told = {
        "MENSHEN_KAFKA_BOOTSTRAP_SERVERS": compose.bootstrap_servers,
        "MENSHEN_VERIFY_KEYS_FILE": str(compose.secrets / "signing.pub"),
        "MENSHEN_API_URL": compose.url("ONBOARD_PORT"),
        "MENSHEN_API_KEY": api_key(compose, "service", "readme"),
        "PYTHONPATH": str(ROOT / "services"),
    }
    done = subprocess.run(
        [sys.executable, "-c", snippets], env=inherited | told, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout == "".join(shown), done.stderr


def test_an_application_goes_to_the_money(compose: Deployment) -> None:
    base = compose.url("STANDINS_PORT")
    outside = SimpleNamespace(otp_url=f"{base}/otp", face_url=f"{base}/face")
    api = Api(compose.url("ONBOARD_PORT"), api_key(compose, "service", "lender"))
    customer = Customer(SimpleNamespace(standins=outside, api=lambda: api), "gil")
    with EventProducer(compose.bootstrap_servers) as producer:
        for event in visit_of(customer.subject_id):
            producer.send(event).wait(30)
    customer.open_line()
    assert customer.draw("d-1").status == 202
    customer.prove("d-1")
    customer.reaches("d-1", "done")
    moved = [(entry["draw_id"], entry["amount"]) for entry in call("GET", f"{base}/bank/ledger").body]
    assert moved == [("d-1", "500.00")]


def visit_of(subject_id: str) -> list[Event]:
    """Return what a back end has sent by the time that a customer asks for something."""
    now_ms = clock_ms()
    envelope: dict[str, Any] = {
        "subject_id": subject_id,
        "session_id": VISIT["session_id"],
        "device_id": VISIT["device_id"],
        "occurred_ms": now_ms,
        "received_ms": now_ms,
        "assurance": "authenticated",
        "product_id": "cash-loan",
    }
    fix = GpsFix(latitude_deg=22.54, longitude_deg=114.06, accuracy_m=12)
    return [
        Login(event_id="e-1", seq=1, outcome="success", method="password", ip="203.0.113.7", **envelope),
        Device(event_id="e-2", seq=2, platform="android", model="Redmi Note 13", **envelope),
        Location(event_id="e-3", seq=3, gps=fix, **envelope),
    ]


def api_key(compose: Deployment, role: str, name: str) -> str:
    made = compose("exec", "-T", "onboard", "menshen", "api-keys", "new", "--role", role, "--name", name)
    return made.split()[-1]


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
