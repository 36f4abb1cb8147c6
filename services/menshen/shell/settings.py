"""Settings from the environment: read once, all errors named at once, secrets also from files (`<NAME>_FILE`)."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from menshen.shell.bundled import bundled

PREFIX = "MENSHEN_"
ELSEWHERE = frozenset(
    PREFIX + name for name in ("TEST_KAFKA", "TEST_REDIS", "TEST_POSTGRES", "REQUIRE_REAL", "API_URL", "API_KEY")
)
"""Names that commands and the test suite read, and no process."""
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT)\w*|PORT(_[0-9]+_\w+)?)$")
"""What Kubernetes adds for every service whose name begins with menshen."""
T = TypeVar("T", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+$")]


_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


def _database(url: SecretStr) -> SecretStr:
    # What was given is not repeated: there may be a password in it.
    if not url.get_secret_value().startswith(_DATABASES):
        raise ValueError("needs a URL that begins with sqlite:/// or postgresql://")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]


class SettingsError(Exception):
    """The environment does not make a configuration; the message names every setting that is wrong."""


class KafkaSettings(BaseModel):
    """How to reach Kafka. `MENSHEN_KAFKA_...`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", min_length=3, description="addresses, comma-separated")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how the connection is protected"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how the worker says who it is, with a SASL protocol"
    )
    kafka_username: str | None = Field(None, description="name at the broker, with a SASL protocol")
    kafka_password: SecretStr | None = Field(None, description="password at the broker, with a SASL protocol")
    kafka_api_version: str | None = Field(
        None, pattern=r"^[0-9]+\.[0-9]+$", description="protocol to speak without asking; the embedded broker needs 2.1"
    )
    kafka_ca_file: Path | None = Field(None, description="certificates to trust, with an SSL protocol")

    @model_validator(mode="after")
    def _credentials_go_with_sasl(self) -> "KafkaSettings":
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError("MENSHEN_KAFKA_USERNAME and MENSHEN_KAFKA_PASSWORD are needed with a SASL protocol")
        return self


class ProcessSettings(KafkaSettings):
    """What every long-running process can be told. Health and metrics are served where its HTTP is."""

    tenant: Name = Field("default", description="whose gate this is; part of every Redis key and every id")
    group_id: str = Field(..., min_length=1, description="consumer group")
    instance_id: str | None = Field(None, description="static membership: a name that outlives a restart")
    session_timeout_ms: int = Field(6000, ge=6000, le=60_000, description="silence after which others take over, ms")
    fetch_wait_ms: int = Field(10, ge=1, le=1000, description="how long a fetch waits for more, ms")
    http_host: str = Field("127.0.0.1", min_length=1, description="address of /livez, /readyz and /metrics")
    http_port: int = Field(..., ge=0, le=65_535, description="port of these; 0 takes a free one")
    log_format: Literal["json", "console"] = Field("json", description="how log lines are written")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least grave line written")

    def one_of_several(self, number: int) -> Self:
        """Return the settings of one of several processes on this machine: its own port and its own name, by number."""
        port = self.http_port + number if self.http_port else 0
        instance_id = f"{self.instance_id}-{number}" if self.instance_id else None
        return self.model_copy(update={"http_port": port, "instance_id": instance_id})


class DetectSettings(ProcessSettings):
    """Everything that `menshen detect` can be told."""

    group_id: str = Field("menshen-detect", min_length=1, description="consumer group")
    http_port: int = Field(8085, ge=0, le=65_535, description="port of these; 0 takes a free one")
    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis or Valkey, 7.0 or later")
    pepper: SecretStr = Field(
        ..., min_length=16, description="secret under which identifiers are hashed; the same for the life of the state"
    )
    signing_key: SecretStr = Field(..., min_length=32, description="Ed25519 private key, PEM, that signs verdicts")
    policy_file: Path = Field(bundled("deploy/policy/default.toml"), description="what scores mean, TOML")
    model_dir: Path = Field(bundled("deploy/models/default"), description="the learned score: arrays and manifest")
    geoip_file: Path | None = Field(None, description="a city base in MMDB format; without it addresses have no place")
    batch_max: int = Field(512, ge=1, le=4096, description="events judged together at the most")
    shed_after_ms: int = Field(
        0, ge=0, le=3_600_000, description="age from which telemetry is not judged any more, ms; 0: all of it is"
    )
    save_interval_ms: int = Field(500, ge=10, le=60_000, description="how often state goes to Redis, ms")
    audit_interval_ms: int = Field(
        10_000, ge=0, le=3_600_000, description="pause between two audits of the saved state, ms; 0: none are made"
    )
    dead_letter_window: int = Field(
        1000, ge=100, le=1_000_000, description="newest records of which the share of dead letters is taken"
    )
    dead_letter_alarm_percent: int = Field(
        5, ge=0, le=100, description="share of dead letters above which /readyz turns red, %; 100: never"
    )
    dead_letter_stop_percent: int = Field(
        50, ge=1, le=100, description="share of dead letters above which the worker stops with status 78, %; 100: never"
    )
    subject_lifetime_days: int = Field(400, ge=1, le=3650, description="days until an unseen subject is forgotten")
    shared_shards: int = Field(8, ge=1, le=1024, description="slots of the shared state; never change it afterwards")
    shared_capacity: int = Field(256, ge=16, le=4096, description="subjects remembered of one device or address")

    @model_validator(mode="after")
    def _alarm_comes_before_stop(self) -> "DetectSettings":
        if self.dead_letter_stop_percent < self.dead_letter_alarm_percent:
            raise ValueError("MENSHEN_DEAD_LETTER_STOP_PERCENT must not be below MENSHEN_DEAD_LETTER_ALARM_PERCENT")
        return self


class OnboardSettings(ProcessSettings):
    """Everything that `menshen onboard` can be told."""

    group_id: str = Field("menshen-onboard", min_length=1, description="consumer group")
    http_host: str = Field("127.0.0.1", min_length=1, description="address of the API, /livez, /readyz and /metrics")
    http_port: int = Field(8086, ge=0, le=65_535, description="port of these; 0 takes a free one")
    database_url: DatabaseUrl = Field(
        SecretStr("sqlite:///menshen.db"), description="where applications are kept: sqlite:///... or postgresql://..."
    )
    verify_keys_file: Path = Field(
        ..., description="public keys, PEM, whose verdicts count; several while one is replaced"
    )
    loan_policy_file: Path = Field(bundled("deploy/policy/loan.toml"), description="the path of a loan, TOML")
    otp_url: str = Field("http://127.0.0.1:8090/otp", description="the service of one-time codes")
    face_url: str = Field("http://127.0.0.1:8090/face", description="the service of face checks")
    bank_url: str = Field("http://127.0.0.1:8090/bank", description="the channel to the bank")
    port_timeout_ms: int = Field(3000, ge=100, le=60_000, description="how long such a service may take to answer, ms")


PROCESSES: tuple[type[ProcessSettings], ...] = (DetectSettings, OnboardSettings)
"""Every process and its settings: a name that none of them knows is misspelt."""


def read_settings(kind: type[T], environ: Mapping[str, str] = os.environ) -> T:
    """Build settings from the environment.

    Raises
    ------
    SettingsError
        One line a wrong setting, all at once. Nothing was started.
    """
    problems = list(_unknown(environ))
    values = dict[str, str]()
    for name, field in kind.model_fields.items():
        try:
            value = _value_of(PREFIX + name.upper(), field, environ)
        except OSError as error:
            problems.append(f"{PREFIX}{name.upper()}_FILE: {error.strerror}: {error.filename}")
            continue
        if value is not None:
            values[name] = value
    try:
        settings = kind.model_validate(values)
    except ValidationError as error:
        unread = {problem.split("_FILE:")[0] for problem in problems}
        problems += [line for line in map(_line, error.errors()) if line.split(":")[0] not in unread]
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Name what looks like a setting and is none: misspelt, it would leave a default that nobody chose."""
    known = {PREFIX + name.upper() for kind in PROCESSES for name in kind.model_fields} | ELSEWHERE
    for name in sorted(environ.keys() - known):
        if name.startswith(PREFIX) and name.removesuffix("_FILE") not in known and not _SERVICE_LINK.search(name):
            yield f"{name}: is no setting"


def _value_of(name: str, field: FieldInfo, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{name}_FILE")
    if path is not None and is_secret(field):
        return Path(path).read_text().strip()
    return environ.get(name)


def is_secret(field: FieldInfo) -> bool:
    """Say whether a setting is a secret: masked wherever it is shown, and taken from a file too."""
    return "SecretStr" in str(field.annotation)


def _line(error: ErrorDetails) -> str:
    name = PREFIX + str(error["loc"][0]).upper() if error["loc"] else "together"
    if error["type"] == "missing":
        return f"{name}: is not set"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"
