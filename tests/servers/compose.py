"""The deployment of docker-compose.yml, really built and run, on free ports and under a name of its own."""

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import kafka, postgres, redis
from tests.servers.containers import require_image
from tests.servers.sources import PassedOver

from menshen.shell.embedded.servers import HOST, free_port

ROOT = Path(__file__).parents[2]
BUILD_S = 900.0
PORTS = ("KAFKA_PORT", "DETECT_PORT", "ONBOARD_PORT", "STANDINS_PORT")


class Deployment:
    """A deployment of this repository: `ports` by the variable that names them, `secrets` where its keys are."""

    def __init__(self, folder: Path) -> None:
        self.ports = {name: free_port() for name in PORTS}
        self.secrets = folder / "deploy" / "compose" / "secrets"
        self.bootstrap_servers = f"{HOST}:{self.ports['KAFKA_PORT']}"
        self._own = {
            "COMPOSE_PROJECT_NAME": f"menshen-test-{os.getpid()}",
            "IMAGE": "menshen:under-test",
            "SECRETS_DIR": str(self.secrets),
            **{name: str(port) for name, port in self.ports.items()},
        }
        # The script works in the checkout that it lies in.
        script = self.secrets.with_name("secrets.sh")
        script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "compose" / "secrets.sh", script)
        subprocess.run([script], check=True, capture_output=True)

    def __call__(self, *arguments: str, timeout_s: float = 180.0, **changes: str) -> str:
        """Run a command of compose, with other variables where some are named; return what it prints."""
        done = run_compose(*arguments, timeout_s=timeout_s, **{**self._own, **changes})
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def url(self, port: str) -> str:
        """Return where a published port is."""
        return f"http://{HOST}:{self.ports[port]}"

    def inspect(self, service: str, what: str) -> str:
        """Return what the engine knows of a service's container, such as `.State.Health.Status`."""
        container = self("ps", "-a", "-q", service).strip()
        command = ["docker", "inspect", "--format", f"{{{{{what}}}}}", container]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def wait_until(self, service: str, what: str, value: str, *, timeout_s: float = 90.0) -> None:
        """Return once the engine says so of a service; fail with the service's log if it does not."""
        until_s = time.monotonic() + timeout_s
        while (found := self.inspect(service, what)) != value:
            assert time.monotonic() < until_s, f"{service}: {what} is {found}\n{self('logs', service)}"
            time.sleep(0.5)


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """Build the image; run what the test brings up; remove all of it. Raises PassedOver where no engine is."""
    for image in (kafka.IMAGE, redis.IMAGE, postgres.IMAGE):
        require_image(image, pull=True)
    compose = Deployment(folder)
    try:
        compose("build", timeout_s=BUILD_S)
        yield compose
    finally:
        compose("--profile", "demo", "down", "--volumes", "--remove-orphans")


def run_compose(*arguments: str, timeout_s: float = 60.0, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of compose in the repository, with these variables and none of its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"SECRETS_DIR", *PORTS}}
    command = [*program(), "--file", "docker-compose.yml", *arguments]
    environment = inherited | variables
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )


@functools.cache
def program() -> Sequence[str]:
    """Return how compose is called here: Docker's plugin or a program of its own; raise PassedOver without either."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, check=False)
            if asked.returncode == 0:
                return command
    raise PassedOver("Docker: compose is missing; on Debian: apt-get install docker-compose")
