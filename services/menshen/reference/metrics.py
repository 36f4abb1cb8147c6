"""The page of the metrics."""

from menshen.reference.tables import NOTE, table
from menshen.shell.metrics import REGISTRY

_SUFFIX = {"counter": "_total"}


def page() -> str:
    """Return the page."""
    rows = [
        [f"`{described.name}{_SUFFIX.get(described.type, '')}`", described.type, described.documentation]
        for described in sorted(REGISTRY.collect(), key=lambda described: described.name)
    ]
    introduction = "At `GET /metrics` of each process, in Prometheus' text format."
    return f"{NOTE}\n# Metrics\n\n{introduction}\n\n" + table(["name", "kind", "what it tells"], rows)
