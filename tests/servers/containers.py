"""Containers on the Docker engine of this machine, if one answers: ports on loopback, removed by testcontainers."""

import contextlib
import gc
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

import docker
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.container import DockerContainer
from tests.servers.sources import PassedOver

from menshen.shell.embedded.servers import HOST

START_S = 60.0


def require_image(image: str, *, pull: bool) -> None:
    """Return if the engine has the image, or can fetch it where `pull` allows that."""
    engine = _engine()
    if not engine:
        raise PassedOver("Docker: no engine answers")
    with closing(engine):
        if not _has(engine, image):
            _fetch(engine, image, pull=pull)


def _engine() -> docker.DockerClient | None:
    with warnings.catch_warnings():
        # Where no engine answers, the library leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with contextlib.suppress(DockerException):
            return docker.from_env()
        gc.collect()
    return None


def _has(engine: docker.DockerClient, image: str) -> bool:
    try:
        return bool(engine.images.get(image))
    except ImageNotFound:
        return False


def _fetch(engine: docker.DockerClient, image: str, *, pull: bool) -> None:
    if not pull:
        raise PassedOver(f"Docker: the engine does not have {image}")
    try:
        engine.images.pull(image)
    except DockerException:
        raise PassedOver(f"Docker: the engine neither has nor can pull {image}") from None


@contextmanager
def running(
    image: str, *, inside: int, port: int, environment: Mapping[str, str], ready: Callable[[DockerContainer], bool]
) -> Iterator[None]:
    """Run a container whose port `inside` is `port` on loopback, from ready to removed."""
    container = DockerContainer(image, env=dict(environment))
    # The engine takes an address as well, which with_bind_ports has no word for: nothing listens beyond this machine.
    container.ports[str(inside)] = (HOST, port)  # type: ignore[assignment]
    try:
        # Its own check of the host is for engines elsewhere; a Kafka elsewhere is named by MENSHEN_TEST_KAFKA.
        container.start()
    except DockerException as failure:
        raise PassedOver(f"Docker: {image} does not start: {failure}") from None
    try:
        _wait_until(lambda: ready(container), f"Docker: {image} was not ready after {START_S:g} s")
        yield
    finally:
        container.stop()


def _wait_until(ready: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > deadline:
            raise PassedOver(complaint)
        time.sleep(0.1)
