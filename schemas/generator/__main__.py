"""`python -m schemas.generator` writes every schema, asyncapi.yaml and openapi.json anew; run it from the root."""

import json
from pathlib import Path

from schemas.generator.asyncapi import asyncapi
from schemas.generator.json_schema import STRUCTS, file_of, schema_of

from menshen.onboard.api.openapi import document

ROOT = Path(__file__).resolve().parents[1]


def documents() -> dict[str, str]:
    """Return the text of each generated file, by its name in `schemas/`."""
    schemas = {file_of(name): json.dumps(schema_of(name), indent=2) + "\n" for name in STRUCTS}
    openapi = json.dumps(document(), indent=2) + "\n"
    return schemas | {"asyncapi.yaml": asyncapi(), "openapi.json": openapi}


if __name__ == "__main__":
    for name, text in documents().items():
        (ROOT / name).write_text(text, encoding="utf-8")
