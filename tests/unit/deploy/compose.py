"""docker-compose.yml as it is read where nothing is set: every variable at its default."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
STAYING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])([^}]*)\}")


def by_default(text: str) -> str:
    """Return a value with its variables at their defaults; what must be set stays as it is written."""
    return VARIABLE.sub(lambda found: found[3] if found[2] == ":-" else found[0], text)
