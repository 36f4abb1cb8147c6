"""`python -m schemas.generator` writes every schema and asyncapi.yaml anew from the contract; run it from the root."""

import json
from pathlib import Path

from schemas.generator.asyncapi import asyncapi
from schemas.generator.json_schema import STRUCTS, file_of, schema_of

ROOT = Path(__file__).resolve().parents[1]


def documents() -> dict[str, str]:
    """Return the text of each generated file, by its name in `schemas/`."""
    schemas = {file_of(name): json.dumps(schema_of(name), indent=2) + "\n" for name in STRUCTS}
    return schemas | {"asyncapi.yaml": asyncapi()}


if __name__ == "__main__":
    for name, text in documents().items():
        (ROOT / name).write_text(text, encoding="utf-8")
