"""The compose file says what its processes understand, publishes nothing beyond this machine and invents no secret."""

import re
from collections.abc import Iterable

import pytest
from tests.servers import kafka, postgres, redis
from tests.unit.deploy.compose import COMPOSE, OURS, ROOT, SERVICES, STAYING, TEXT, VARIABLE, by_default

from menshen.shell.settings import PREFIX, PROCESSES, DetectSettings, OnboardSettings, ProcessSettings, is_secret

VERSION = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
KIND: dict[str, tuple[type[ProcessSettings], ...]] = {"detect": (DetectSettings,), "onboard": (OnboardSettings,)}
PINNED = re.compile(r"[a-z/]+:\d[\w.-]*(@sha256:[0-9a-f]{64})?")
every_service = pytest.mark.parametrize("name", SERVICES)
every_staying_service = pytest.mark.parametrize("name", STAYING)
every_service_of_ours = pytest.mark.parametrize("name", OURS)


def understood(kinds: Iterable[type[ProcessSettings]]) -> set[str]:
    """Return the variables by which settings are given; a secret by its file alone."""
    fields = [(name, field) for kind in kinds for name, field in kind.model_fields.items()]
    return {f"{PREFIX}{name.upper()}{'_FILE' if is_secret(field) else ''}" for name, field in fields}


@every_service
def test_every_setting_is_one_that_its_process_has_and_every_secret_is_a_file(name: str) -> None:
    given = {setting for setting in SERVICES[name].get("environment", {}) if setting.startswith(PREFIX)}
    assert given - understood(KIND.get(name, PROCESSES)) == set()


@pytest.mark.parametrize("name", KIND)
def test_every_setting_that_must_be_given_is_given(name: str) -> None:
    required = [
        f"{PREFIX}{field.upper()}{'_FILE' if is_secret(told) else ''}"
        for kind in KIND[name]
        for field, told in kind.model_fields.items()
        if told.is_required()
    ]
    assert required and set(required) - SERVICES[name]["environment"].keys() == set()


@pytest.mark.parametrize("name", KIND)
def test_health_is_asked_where_the_process_serves_it(name: str) -> None:
    service = SERVICES[name]
    port = service["environment"]["MENSHEN_HTTP_PORT"]
    assert f"http://127.0.0.1:{port}/readyz" in " ".join(service["healthcheck"]["test"])
    assert [published.rpartition(":")[2] for published in service["ports"]] == [port]


@every_service
def test_every_file_that_a_service_names_is_a_secret_that_it_is_given(name: str) -> None:
    named = set(
        re.findall(r"/run/secrets/([\w.]+)", f"{SERVICES[name].get('environment')}{SERVICES[name].get('command')}")
    )
    assert named == set(SERVICES[name].get("secrets", []))
    assert named - COMPOSE["secrets"].keys() == set()


def test_no_secret_has_a_default() -> None:
    folders = [secret["file"] for secret in COMPOSE["secrets"].values()] + SERVICES["postgres"]["env_file"]
    assert [
        file for file in folders if not file.startswith("${SECRETS_DIR:?run deploy/compose/secrets.sh first}/")
    ] == []
    assert {name for name, kind, _ in VARIABLE.findall(TEXT) if kind == ":?"} == {"SECRETS_DIR"}
    telling = re.compile("SECRET|PASSWORD|KEY|PEPPER|TOKEN")
    written = [(name, value) for service in SERVICES.values() for name, value in service.get("environment", {}).items()]
    secret = [value for name, value in written if telling.search(name)]
    assert secret and [value for value in secret if not value.startswith("/run/secrets/")] == []


@every_service
def test_every_image_is_pinned_by_its_version(name: str) -> None:
    assert PINNED.fullmatch(by_default(SERVICES[name]["image"]))


def test_the_versions_are_those_that_the_suite_runs_against() -> None:
    images = {name: by_default(SERVICES[name]["image"]) for name in ("kafka", "valkey", "postgres")}
    assert images == {"kafka": kafka.IMAGE, "valkey": redis.IMAGE, "postgres": postgres.IMAGE}
    assert {by_default(service["image"]) for service in OURS.values()} == {f"menshen:{VERSION}"}


def test_every_port_is_on_loopback_and_can_be_another() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)] == []
    assert len({by_default(port).split(":")[1] for port in published}) == len(published)


def test_kafka_tells_clients_on_this_machine_the_port_that_is_published() -> None:
    told = re.findall(r"OUTSIDE://127\.0\.0\.1:(\S+)", SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"])
    assert [f"127.0.0.1:{port}:19092" for port in told] == SERVICES["kafka"]["ports"]


@every_staying_service
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@every_service
def test_every_dependency_says_what_it_waits_for(name: str) -> None:
    for other, awaited in SERVICES[name].get("depends_on", {}).items():
        assert awaited["condition"] == ("service_healthy" if other in STAYING else "service_completed_successfully")


@every_service_of_ours
def test_our_own_processes_may_do_nothing_that_they_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(OURS.keys() & STAYING.keys()))
def test_a_process_that_refuses_is_held_and_any_other_is_restarted(name: str) -> None:
    assert SERVICES[name]["entrypoint"] == ["hold-refusals", "menshen"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_the_memory_is_kept_and_never_evicted() -> None:
    command = " ".join(SERVICES["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    kept = {
        name: [volume.partition(":")[0] for volume in service.get("volumes", [])] for name, service in SERVICES.items()
    }
    assert [name for name, volumes in kept.items() if volumes] == ["kafka", "valkey", "postgres"]
    assert sorted(COMPOSE["volumes"]) == sorted(volume for volumes in kept.values() for volume in volumes)
