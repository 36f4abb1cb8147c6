"""schemathesis against the real API: whatever its document allows or forbids, the API answers as the document says.

20 seconds in the suite; `SECONDS=180 python -m pytest tests/e2e/test_api_fuzz.py` looks longer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.api.customer import HERE, SIGNED, Customer, told
from tests.integration.api.office import Office
from tests.servers.onboard import verdict_on
from tests.servers.standins import Standins

from menshen.contract.events import Checkpoint
from menshen.contract.verdict import Verdict
from menshen.onboard.api.keys import Role

SECONDS = int(os.environ.get("SECONDS", "20"))
DECISIONS = ("allow", "allow", "step_up", "review", "block")
ROOT = Path(__file__).parents[2]
CONFIG = """
hooks = "tests.e2e.fresh_keys"
request-timeout = 30
warnings = false

[auth.openapi.key]
bearer = "{key}"

[generation]
database = "none"

[dictionaries]
applications.values = {applications}
draws.values = {draws}
challenges.values = {challenges}
reviews.values = {reviews}

[parameters]
"path.application_id" = {{ dictionary = "applications", probability = 0.7 }}
"path.draw_id" = {{ dictionary = "draws", probability = 0.7 }}
"path.challenge_id" = {{ dictionary = "challenges", probability = 0.7 }}
"path.review_id" = {{ dictionary = "reviews", probability = 0.7 }}
"""


REACHED = {
    "service": {"POST /v1/applications", "GET /v1/applications/{application_id}"},
    "approver": {"GET /v1/alerts", "GET /v1/reviews", "GET /v1/reviews/{review_id}"},
}
"""What has to have succeeded, or nothing much was looked at."""


def mixed(asked: Checkpoint) -> Verdict | None:
    """Answer one way or another, by the question's own id."""
    return verdict_on(asked, DECISIONS[int(asked.event_id[:8], 16) % len(DECISIONS)])


@pytest.fixture
def busy_office(tmp_path: Path, tenant: str) -> Iterator[Office]:
    """An API with applications in every state."""
    with Standins() as standins, Office(f"sqlite:///{tmp_path / 'menshen.db'}", tenant, standins) as office:
        for n in range(4):
            Customer(office, standins).applies(f"product-{n}")
        for draw_id in ("d-1", "d-2", "d-3"):
            customer = Customer(office, standins)
            customer.comes_to("limit_activation")
            told(customer.draws(draw_id))
        office.rule = lambda asked: verdict_on(asked, "review" if asked.step == "eligibility" else "block")
        for _ in range(4):
            customer = Customer(office, standins)
            customer.applies()
            customer.asks("eligibility", HERE)
        office.rule = lambda asked: verdict_on(asked, "allow")
        for _ in range(4):
            customer = Customer(office, standins)
            customer.comes_to("eligibility")
            told(customer.api.post(f"{customer.path}/steps/agreement", SIGNED))
        office.rule = mixed
        yield office


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 4 + 240)
@pytest.mark.parametrize(
    ("role", "paths", "share"),
    [("service", "^/v1/(applications|challenges)", 0.75), ("approver", "^/v1/(reviews|alerts)", 0.25)],
)
def test_the_api_keeps_what_its_document_promises(
    busy_office: Office, tmp_path: Path, role: Role, paths: str, share: float
) -> None:
    config, report = tmp_path / "schemathesis.toml", tmp_path / "report.ndjson"
    config.write_text(CONFIG.format(key=busy_office.keys[role], **known(busy_office)))
    options = {
        "--include-path-regex": paths,
        "--checks": "all",
        "--mode": "all",
        "--max-time": str(max(1, int(SECONDS * share))),
        "--seed": "1",
        "--report-ndjson-path": str(report),
    }
    document = "http://{}:{}/openapi.json".format(*busy_office.address)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", document, "--no-color"]
    done = subprocess.run(
        [*command, *(word for option in options.items() for word in option)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert succeeded(report) >= REACHED[role]


def succeeded(report: Path) -> set[str]:
    """Return the operations that were answered with a success at least once."""
    events = (json.loads(line) for line in report.read_text(encoding="utf-8").splitlines())
    found = (event["ScenarioFinished"]["recorder"] for event in events if "ScenarioFinished" in event)
    return {
        recorder["label"]
        for recorder in found
        for interaction in recorder.get("interactions", {}).values()
        if interaction.get("response") and interaction["response"]["status_code"] < 300
    }


def known(office: Office) -> dict[str, str]:
    """Return ids that are there, as lists in TOML."""
    tables = {"applications": "application_id", "challenges": "challenge_id", "reviews": "review_id"}
    with office.desk.database.engine.connect() as connection:
        found = {
            table: list(connection.exec_driver_sql(f"SELECT {column} FROM {table}").scalars())
            for table, column in tables.items()
        }
    return {name: json.dumps(ids) for name, ids in (found | {"draws": ["d-1", "d-2", "d-3"]}).items()}
